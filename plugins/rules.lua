-- rules: a table of what mail must be like, and what is done with it.
--
-- Options:
--   rules = [
--     { from = "shop@example.com", subject = "invoice", move = "Invoices", flag = ["flagged"] },
--     { list_id = "dev.example.org", move = "Lists/Dev", stop = false },
--     { header = { "X-Spam-Flag" = "yes" }, move = "Junk" },
--   ]
--
-- A rule is met when all it names are met: from, to (To or Cc), subject, list_id, mailbox, header.NAME (texts that are
-- contained, without regard to case; list_id and mailbox whole), larger (octets), unread (true or false).
-- It does: move, copy (a mailbox), flag, unflag (words), delete (true). The first rule that is met ends it, unless it
-- has stop = false. Rules look at INBOX, unless they name a mailbox.
-- Needs nothing in `allow`.

local rules = mailferry.options.rules
if type(rules) ~= "table" or #rules == 0 then
  error("the option `rules` is missing: a list of tables", 0)
end

-- INBOX is the same in any case.
local function canonical(name)
  return (name:gsub("^[Ii][Nn][Bb][Oo][Xx]%f[/\0]", "INBOX"))
end

local known = {}
for word in ("from to subject list_id mailbox header larger unread move copy flag unflag delete stop"):gmatch("%S+") do
  known[word] = true
end
for number, rule in ipairs(rules) do
  for key in pairs(rule) do
    if not known[key] then
      error("rule " .. number .. ": there is no key `" .. tostring(key) .. "`", 0)
    end
  end
end

local function contains(text, wanted)
  return text ~= nil and text:lower():find(wanted:lower(), 1, true) ~= nil
end

local function met(rule, msg)
  if msg.mailbox ~= canonical(rule.mailbox or "INBOX") then return false end
  if rule.from and not contains(msg.from, rule.from) then return false end
  if rule.to and not (contains(msg.to, rule.to) or contains(msg.cc, rule.to)) then return false end
  if rule.subject and not contains(msg.subject, rule.subject) then return false end
  if rule.list_id and msg.list_id ~= rule.list_id:lower() then return false end
  if rule.larger and msg.size <= rule.larger then return false end
  if rule.unread ~= nil and msg:has_flag("seen") == rule.unread then return false end
  for name, wanted in pairs(rule.header or {}) do
    if not contains(msg:header(name), wanted) then return false end
  end
  return true
end

local function words(value)
  return type(value) == "table" and value or { value }
end

local function act(rule, msg)
  if rule.flag then msg:add_flags(table.unpack(words(rule.flag))) end
  if rule.unflag then msg:remove_flags(table.unpack(words(rule.unflag))) end
  if rule.copy then msg:copy_to(rule.copy) end
  if rule.move then msg:move_to(rule.move) end
  if rule.delete then msg:delete() end
end

mailferry.on("message.new", function(msg)
  for _, rule in ipairs(rules) do
    if met(rule, msg) then
      act(rule, msg)
      if rule.stop ~= false then return end
    end
  end
end)
