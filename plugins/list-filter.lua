-- list-filter: mail of mailing lists into a folder for each list.
--
-- Options:
--   folder = "Lists"                 the folder above those of the lists (default "Lists"; "" for none)
--   lists = { ["dev.example.org"] = "Work/Dev" }   mailboxes for some lists, by the identifier in List-Id
--   only = false                     leave lists that are not named in `lists` where they are
--   from = [ "INBOX" ]               mailboxes that are sorted (default: INBOX only)
--
-- A list without a mailbox of its own goes to <folder>/<first part of its identifier>: dev.example.org to Lists/dev.
-- Needs nothing in `allow`.

local options = mailferry.options
local folder = options.folder or "Lists"
local lists = {}
for id, mailbox in pairs(options.lists or {}) do
  lists[id:lower()] = mailbox
end
-- INBOX is the same in any case.
local function canonical(name)
  return (name:gsub("^[Ii][Nn][Bb][Oo][Xx]%f[/\0]", "INBOX"))
end

local from = {}
for _, mailbox in ipairs(options.from or { "INBOX" }) do
  from[canonical(mailbox)] = true
end

-- What becomes part of a mailbox's name: the sender of a mail chose it.
local function safe(text)
  local name = text:gsub("[^%w%-_+]", "-"):sub(1, 60)
  return name ~= "" and name or nil
end

local function target(id)
  if lists[id] then
    return lists[id]
  end
  local name = not options.only and safe(id:match("^[^.]+") or id)
  if not name then
    return nil
  end
  return folder == "" and name or folder .. "/" .. name
end

mailferry.on("message.new", function(msg)
  local list = from[msg.mailbox] and msg.list_id
  local mailbox = list and target(list)
  if mailbox then
    msg:move_to(mailbox)
  end
end)
