-- quiet-hours: no notifications at night, at weekends, or whenever; with exceptions.
--
-- Options:
--   from = "22:00"             the first quiet minute (default "22:00"), local time
--   to = "07:00"               the first minute that is not quiet any more (default "07:00")
--   weekends = false           quiet all Saturday and Sunday
--   except = [ "boss@example.com" ]       senders that may disturb
--
-- Accounts have the option notify.quiet_hours for the plain case; this one knows weekends and people.
-- Needs nothing in `allow`.

local options = mailferry.options

local function minutes(text, what)
  local hour, minute = tostring(text):match("^(%d%d?):(%d%d)$")
  hour, minute = tonumber(hour), tonumber(minute)
  if not hour or hour > 24 or minute > 59 then
    error("the option `" .. what .. "` is no time such as \"22:00\"", 0)
  end
  return hour * 60 + minute
end

local from = minutes(options.from or "22:00", "from")
local to = minutes(options.to or "07:00", "to")
local except = {}
for _, address in ipairs(options.except or {}) do
  except[address:lower()] = true
end

local function is_quiet(now)
  if options.weekends and now.wday >= 6 then
    return true
  end
  local minute = now.hour * 60 + now.min
  if from <= to then
    return minute >= from and minute < to
  end
  return minute >= from or minute < to
end

mailferry.on("notification", function(note)
  if not is_quiet(mailferry.date()) then
    return
  end
  for _, msg in ipairs(note.messages) do
    if except[msg.from_address:lower()] then
      return
    end
  end
  note:silence()
end)
