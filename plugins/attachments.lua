-- attachments: saves what is attached to new mail into a directory.
--
-- Options:
--   directory = "/home/alice/Downloads/mail"      absolute (required)
--   from = [ "invoices@example.com" ]             only of these senders (default: everybody)
--   types = [ "application/pdf" ]                 only these media types; "image/*" will do (default: all)
--   mailboxes = [ "INBOX" ]                       default: INBOX
--   largest = 10485760                            larger ones stay in the mail, in octets
--
-- Needs allow = ["exec", "read_body"]. An existing file is never written over. Files are written with `dd`, as scripts
-- have no files; names come from strangers and are reduced to letters, digits and -_+. What could not be written whole is
-- taken away again.

mailferry.needs("exec", "read_body")
local options = mailferry.options
local directory = options.directory
if type(directory) ~= "string" or directory:sub(1, 1) ~= "/" then
  error("the option `directory` is missing: an absolute path", 0)
end
local largest = options.largest or 10485760

-- INBOX is the same in any case.
local function canonical(name)
  return (name:gsub("^[Ii][Nn][Bb][Oo][Xx]%f[/\0]", "INBOX"))
end

local mailboxes, senders, types = {}, nil, nil
for _, mailbox in ipairs(options.mailboxes or { "INBOX" }) do
  mailboxes[canonical(mailbox)] = true
end
if options.types then
  types = {}
  for number, kind in ipairs(options.types) do
    types[number] = kind:lower()
  end
end
if options.from then
  senders = {}
  for _, address in ipairs(options.from) do
    senders[address:lower()] = true
  end
end

local function wanted(attachment)
  if attachment.size == 0 or attachment.size > largest then
    return false
  end
  if not types then
    return true
  end
  for _, kind in ipairs(types) do
    local major = kind:match("^(.*/)%*$")
    if attachment.type == kind or (major and attachment.type:sub(1, #major) == major) then
      return true
    end
  end
  return false
end

local function safe(name)
  local stem, ending = name:match("^(.*)%.(%w+)$")
  stem = (stem or name):gsub("[^%w%-_+]", "_"):gsub("^[-_]+", ""):sub(1, 80)
  if stem == "" then
    stem = "attachment"
  end
  return stem, ending and "." .. ending:sub(1, 10):lower() or ""
end

-- What programs say is compared, so it is to be English.
local function run(argv, stdin)
  local result, why = mailferry.exec { argv = argv, stdin = stdin, env = { LC_ALL = "C" } }
  if not result then
    error(argv[1] .. " cannot be run: " .. why, 0)
  end
  return result
end

local function save(attachment)
  local stem, ending = safe(attachment.name)
  local content = attachment:content()
  for number = 0, 99 do
    local name = number == 0 and stem .. ending or stem .. "-" .. number .. ending
    local path = directory .. "/" .. name
    -- conv=excl: never over a file that is there.
    local result = run({ "dd", "of=" .. path, "conv=excl", "status=none" }, content)
    if result.ok then
      mailferry.log("saved " .. path)
      return
    elseif not result.stderr:find("File exists", 1, true) then
      -- With conv=excl what is there now was made by this dd.
      run { "rm", "-f", "--", path }
      return mailferry.log("cannot save " .. path .. ": " .. result.stderr:sub(1, 500))
    end
  end
  error("too many files named " .. stem .. ending, 0)
end

mailferry.on("message.new", function(msg)
  if not mailboxes[msg.mailbox] or (senders and not senders[msg.from_address:lower()]) then
    return
  end
  local made = false
  for _, attachment in ipairs(msg.attachments) do
    if wanted(attachment) then
      if not made then
        run({ "mkdir", "-p", "--", directory })
        made = true
      end
      save(attachment)
    end
  end
end)
