-- notmuch: tells notmuch about mail that came, moved, changed its flags or went; once per batch, and once after a start.
--
-- Options:
--   command = "notmuch"
--   tags = { Archive = "+archive -inbox", "Lists/Dev" = "+dev -inbox" }   tags for new mail, by mailbox
--   timeout = "5m"
--
-- Needs allow = ["exec"]. It runs `notmuch new`, and `notmuch tag ... -- id:...` for new mail in mailboxes with tags.
-- While notmuch cannot do it, because somebody else holds its database, the log says so; it is tried again with the next
-- batch or the next pass.

mailferry.needs("exec")
local options = mailferry.options
local command = options.command or "notmuch"
local timeout = options.timeout or "5m"

-- INBOX is the same in any case.
local function canonical(name)
  return (name:gsub("^[Ii][Nn][Bb][Oo][Xx]%f[/\0]", "INBOX"))
end

local tags = {}
for mailbox, words in pairs(options.tags or {}) do
  tags[canonical(mailbox)] = words
end

-- What is to be tagged after the next `notmuch new`, by mailbox; no more than this of each.
local waiting, most = {}, 20000

-- Of the mail of a first sync there are no batches.
local behind = true

local function run(argv)
  local result, why = mailferry.exec { argv = argv, timeout = timeout }
  if not result then
    error(command .. " cannot be run: " .. why, 0)
  elseif not result.ok then
    behind = true
    local what = result.timed_out and "took longer than " .. timeout or result.stderr:sub(1, 500)
    mailferry.log(command .. " " .. argv[2] .. ": " .. what)
  end
  return result.ok
end

local function split(text)
  local words = {}
  for word in text:gmatch("%S+") do
    words[#words + 1] = word
  end
  return words
end

-- A Message-ID as a search term: what a stranger wrote must not become part of the query.
local function term(id)
  return 'id:"' .. id:gsub('"', '""') .. '"'
end

mailferry.on("message.new", function(msg)
  local id = tags[msg.mailbox] and msg.message_id
  if id then
    waiting[msg.mailbox] = waiting[msg.mailbox] or {}
    if #waiting[msg.mailbox] < most then
      table.insert(waiting[msg.mailbox], term(id))
    end
  end
end)

local function tag(mailbox)
  local terms = waiting[mailbox]
  for first = 1, #terms, 100 do
    local argv = { command, "tag", table.unpack(split(tags[mailbox])) }
    argv[#argv + 1] = "--"
    argv[#argv + 1] = table.concat(terms, " or ", first, math.min(first + 99, #terms))
    if not run(argv) then
      -- Tagged twice is tagged once.
      return
    end
  end
  waiting[mailbox] = nil
end

mailferry.on("mailbox.synced", function(batch)
  if (#batch.changed > 0 or batch.gone > 0) and run { command, "new" } and waiting[batch.mailbox] then
    tag(batch.mailbox)
  end
end)

mailferry.on("account.synced", function(event)
  if not (behind and event.complete) then
    return
  end
  behind = false
  if run { command, "new" } then
    for mailbox in pairs(waiting) do
      tag(mailbox)
    end
  end
end)
