-- vip: notifications of some people stay on the screen; those of others can be left out.
--
-- Options:
--   people = [ "boss@example.com", "@family.example" ]     addresses, or domains with a leading @
--   only = false               silence all notifications that no message of theirs is in
--   flag = false               also flag their new mail
--
-- Needs nothing in `allow`.

local options = mailferry.options
local people = options.people
if type(people) ~= "table" or #people == 0 then
  error("the option `people` is missing: a list of addresses", 0)
end

local function is_vip(msg)
  local address = msg.from_address:lower()
  for _, wanted in ipairs(people) do
    wanted = wanted:lower()
    if address == wanted or (wanted:sub(1, 1) == "@" and address:sub(-#wanted) == wanted) then
      return true
    end
  end
  return false
end

mailferry.on("notification", function(note)
  for _, msg in ipairs(note.messages) do
    if is_vip(msg) then
      note.urgency = "critical"
      return
    end
  end
  if options.only then
    note:silence()
  end
end)

mailferry.on("message.new", function(msg)
  if options.flag and is_vip(msg) then
    msg:add_flags("flagged")
  end
end)
