---@meta mailferry
-- Types of what hooks see, for lua-language-server. Nothing loads this file: name the directory it is in under
-- `workspace.library` of .luarc.json, and set `runtime.version` to "Lua 5.4".

---@class mailferry.Message
---@field account string the account's name
---@field mailbox string the mailbox it is in; for a deletion, was in
---@field id? string the name of its file without flags; nil once it is deleted
---@field path? string its file, absolute; nil once it is deleted
---@field uid? integer its UID, if it is on an IMAP server
---@field size integer octets of the file
---@field date integer when it arrived, seconds since 1970
---@field sent? integer what its Date header says, seconds since 1970
---@field flags table<"seen"|"flagged"|"answered"|"draft"|"deleted", true>
---@field keywords table<string, true>
---@field from string as in "Jane <jane@example.com>"
---@field from_name string
---@field from_address string
---@field to string
---@field cc string
---@field to_addresses mailferry.Address[]
---@field cc_addresses mailferry.Address[]
---@field subject string
---@field message_id? string without angle brackets
---@field list_id? string the identifier of List-Id, in lower case
---@field attachments mailferry.Attachment[]
local Message = {}

---The first header of that name, decoded.
---@param name string
---@return string?
function Message:header(name) end

---All headers of that name, decoded.
---@param name string
---@return string[]
function Message:headers(name) end

---The text; HTML is reduced to text. Needs `read_body`.
---@param limit? integer the most octets
---@return string
function Message:text(limit) end

---@param word string seen, flagged, answered, draft, or a keyword
---@return boolean
function Message:has_flag(word) end

---@param mailbox string made if there is none of that name
function Message:move_to(mailbox) end

---@param mailbox string
function Message:copy_to(mailbox) end

---@param ... string seen, flagged, answered, draft, or keywords; at most 100
function Message:add_flags(...) end

---@param ... string
function Message:remove_flags(...) end

---To the trash.
function Message:delete() end

---@class mailferry.Address
---@field name string
---@field address string

---@class mailferry.Attachment
---@field name string as the sender calls it: data, no path
---@field type string as in "application/pdf"
---@field size integer
local Attachment = {}

---The decoded octets. Needs `read_body`.
---@return string
function Attachment:content() end

---@class mailferry.Set
---@operator add(mailferry.Set): mailferry.Set
---@operator mul(mailferry.Set): mailferry.Set
---@operator sub(mailferry.Set): mailferry.Set
---@operator len: integer
---@field [integer] mailferry.Message
local Set = {}

---@return fun(): mailferry.Message?
function Set:each() end

---@param wanted fun(msg: mailferry.Message): boolean
---@return mailferry.Set
function Set:filter(wanted) end

---@param mailbox string
function Set:move_to(mailbox) end

---@param mailbox string
function Set:copy_to(mailbox) end

---@param ... string
function Set:add_flags(...) end

---@param ... string
function Set:remove_flags(...) end

function Set:delete() end

---@class mailferry.Notification
---@field account string
---@field mailbox? string
---@field title string
---@field body string
---@field urgency "low"|"normal"|"critical"
---@field copy? string what an action copies
---@field silent boolean
---@field messages mailferry.Message[]
local Notification = {}

function Notification:silence() end

---@class mailferry.Event
---@field name string
---@field account string
---@field id? string stable: the same event has the same id when it is told again
---@field side? "local"|"remote" where the change was made
---@field added? table<string, true> message.flags
---@field removed? table<string, true> message.flags
---@field by? "hook" message.moved: who moved it, if that was a hook
---@field from? string message.moved: the mailbox it was in
---@field mailbox? string
---@field changed? string[] mailbox.synced: files that appeared or changed
---@field new? integer mailbox.synced
---@field gone? integer mailbox.synced
---@field complete? boolean account.synced
---@field state? string account.state
---@field count? integer hold
---@field reason? string hold
---@field text? string error

---@class mailferry.Result
---@field ok boolean whether the exit code is 0
---@field status? integer the exit code
---@field signal? integer the signal that ended it
---@field timed_out boolean
---@field stdout string at most 1 MiB
---@field stderr string at most 1 MiB

mailferry = {}

---@type string
mailferry.account = ""
---@type string
mailferry.version = ""
---@type table
mailferry.options = {}

---@overload fun(event: "message.new"|"message.flags"|"message.moved"|"message.deleted", run: fun(msg: mailferry.Message, event: mailferry.Event))
---@overload fun(event: "mailbox.synced"|"account.synced"|"account.state"|"hold"|"error", run: fun(event: mailferry.Event))
---@overload fun(event: "notification", run: fun(note: mailferry.Notification))
function mailferry.on(event, run) end

---@param time string|integer "30s", "5m", "1h", "1d", or seconds; at least a second
---@param run fun()
function mailferry.every(time, run) end

---Fails at once unless all of these are granted.
---@param ... "exec"|"read_body"|"notify"
function mailferry.needs(...) end

---A line in the log, as `print`.
---@param ... any
function mailferry.log(...) end

---Needs `notify`.
---@param what {title: string, body?: string, urgency?: "low"|"normal"|"critical", copy?: string}
function mailferry.notify(what) end

---Needs `exec`. Returns nil and a reason if the program cannot be started.
---@param what {argv: string[], stdin?: string, timeout?: string|integer, env?: table<string, string>}
---@return mailferry.Result?
---@return string?
function mailferry.exec(what) end

---@param what? {mailbox?: string|string[], from?: string, to?: string, cc?: string, subject?: string, list_id?: string, message_id?: string, header?: table<string, string>, older_than?: string, newer_than?: string, larger?: integer, smaller?: integer, flags?: string|string[], without_flags?: string|string[]}
---@return mailferry.Set
function mailferry.search(what) end

---@return string[]
function mailferry.mailboxes() end

---@return integer seconds since 1970
function mailferry.now() end

---@param at? integer seconds since 1970; now without it
---@return {year: integer, month: integer, day: integer, hour: integer, min: integer, sec: integer, wday: integer} local time; wday is 1 on Mondays
function mailferry.date(at) end
