-- command: runs a program of yours after each batch of mail in which something came, changed or went.
--
-- Options: at least one of the first three, each a program with its arguments; no shell is involved.
--   new = { "notify-index", "--quick" }       mail came
--   changed = { "my-index" }                  files came, moved or changed their flags
--   deleted = { "my-index", "--cleanup" }     mail is gone
--   mailboxes = { "INBOX" }                   only in these mailboxes; default: in all
--   timeout = "5m"
--
-- Needs allow = ["exec"]. In an argument {mailbox} stands for the mailbox's name.

mailferry.needs("exec")
local options = mailferry.options
local timeout = options.timeout or "5m"

-- INBOX is the same in any case.
local function canonical(name)
  return (name:gsub("^[Ii][Nn][Bb][Oo][Xx]%f[/\0]", "INBOX"))
end

local only
for _, name in ipairs(options.mailboxes or {}) do
  only = only or {}
  only[canonical(name)] = true
end

if not (options.new or options.changed or options.deleted) then
  error("options needs one of new, changed and deleted: a program and its arguments", 0)
end
for _, key in ipairs { "new", "changed", "deleted" } do
  local argv = options[key]
  if argv and (type(argv) ~= "table" or #argv == 0) then
    error("options." .. key .. ": a program and its arguments are wanted, such as { \"notmuch\", \"new\" }", 0)
  end
end

local function run(template, mailbox)
  local argv = {}
  for index, word in ipairs(template) do
    argv[index] = word:gsub("{mailbox}", (mailbox:gsub("%%", "%%%%")))
  end
  local result, why = mailferry.exec { argv = argv, timeout = timeout }
  if not result then
    error(argv[1] .. " cannot be run: " .. why, 0)
  elseif not result.ok then
    local what = result.timed_out and "took longer than " .. timeout or result.stderr:sub(1, 500)
    mailferry.log(argv[1] .. ": " .. what)
  end
end

mailferry.on("mailbox.synced", function(batch)
  if only and not only[batch.mailbox] then
    return
  end
  if options.new and batch.new > 0 then
    run(options.new, batch.mailbox)
  end
  if options.changed and #batch.changed > 0 then
    run(options.changed, batch.mailbox)
  end
  if options.deleted and batch.gone > 0 then
    run(options.deleted, batch.mailbox)
  end
end)
