-- notmuch: tells notmuch about mail that came, moved, changed its flags or went; once per batch.
--
-- Options:
--   command = "notmuch"
--   tags = { Archive = "+archive -inbox", "Lists/Dev" = "+dev -inbox" }   tags for new mail, by mailbox
--   timeout = "5m"
--
-- Needs allow = ["exec"]. It runs `notmuch new`, and `notmuch tag ... -- id:...` for new mail in mailboxes with tags.

mailferry.needs("exec")
local options = mailferry.options
local command = options.command or "notmuch"
local tags = options.tags or {}
local timeout = options.timeout or "5m"

-- What is to be tagged after the next `notmuch new`, by mailbox.
local waiting = {}

local function run(argv)
  local result, why = mailferry.exec { argv = argv, timeout = timeout }
  if not result then
    error(command .. " cannot be run: " .. why, 0)
  elseif result.timed_out then
    error(argv[2] .. ": " .. command .. " took longer than " .. timeout, 0)
  elseif not result.ok then
    error(command .. " " .. argv[2] .. ": " .. result.stderr, 0)
  end
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
    table.insert(waiting[msg.mailbox], term(id))
  end
end)

mailferry.on("mailbox.synced", function(batch)
  if #batch.changed == 0 and batch.gone == 0 then
    return
  end
  run { command, "new" }
  local terms = waiting[batch.mailbox]
  if not terms then
    return
  end
  waiting[batch.mailbox] = nil
  for first = 1, #terms, 100 do
    local argv = { command, "tag", table.unpack(split(tags[batch.mailbox])) }
    argv[#argv + 1] = "--"
    argv[#argv + 1] = table.concat(terms, " or ", first, math.min(first + 99, #terms))
    run(argv)
  end
end)
