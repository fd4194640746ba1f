-- otp: a one-time code in the notification, with an action that copies it where the desktop can.
--
-- Options:
--   from = [ "@bank.example" ]     only of these addresses or domains (default: everybody)
--   words = [ "code", "pin" ]      words near which a code stands (default: those of some languages)
--
-- Needs allow = ["read_body"]. The code is shown to whoever sees the screen.

mailferry.needs("read_body")
local options = mailferry.options
local words = {}
for number, word in ipairs(options.words or { "code", "otp", "pin", "passcode", "verification", "verify", "one-time",
  "bestätigungscode", "einmal", "tan", "código", "codice", "kod" }) do
  words[number] = word:lower()
end

local function is_wanted(address)
  if not options.from then
    return true
  end
  address = address:lower()
  for _, known in ipairs(options.from) do
    known = known:lower()
    if address == known or (known:sub(1, 1) == "@" and address:sub(-#known) == known) then
      return true
    end
  end
  return false
end

local function speaks_of_code(line)
  line = line:lower()
  for _, word in ipairs(words) do
    if line:find(word, 1, true) then
      return true
    end
  end
  return false
end

-- Four to eight digits that stand alone ("123456", "123 456", "123-456"), not part of an amount, a date or a number.
local function code_in(line)
  line = " " .. line .. " "
  for from, found, to in line:gmatch("()%f[%w](%d[%d%- ]*%d)%f[^%w]()") do
    local before, after = line:sub(from - 1, from - 1), line:sub(to, to)
    local digits, groups = found:gsub("[- ]", "")
    local year = #digits == 4 and (digits:sub(1, 2) == "19" or digits:sub(1, 2) == "20")
    if #digits >= 4 and #digits <= 8 and groups <= 1 and not year
      and not before:find("[%$#/+,.]") and not after:find("[/%%]") then
      return digits
    end
  end
end

local function find(text)
  local near = 0
  for line in text:gmatch("[^\n]+") do
    line = line:sub(1, 500)
    if speaks_of_code(line) then
      near = 3
    end
    if near > 0 then
      local code = code_in(line)
      if code then
        return code
      end
      near = near - 1
    end
  end
end

mailferry.on("notification", function(note)
  -- A summary of many is no place for codes.
  local msg = #note.messages == 1 and note.messages[1]
  if not msg or not is_wanted(msg.from_address) then
    return
  end
  local code = find(msg.subject .. "\n" .. msg:text(20000))
  if code then
    note.body = code .. (note.body ~= "" and "\n" .. note.body or "")
    note.copy = code
  end
end)
