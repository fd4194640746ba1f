-- Runs before every script: takes away what a hook must not have, and closes ways around the deadline.
-- `check` raises again what a protected call has caught when time is up; `note` writes a line to the log.
local check, note = ...

local pcall_, setmetatable_ = pcall, setmetatable
local create, resume, close, rep = coroutine.create, coroutine.resume, coroutine.close, string.rep
local rawget, type, error, pack, unpack = rawget, type, error, table.pack, table.unpack
local tostring, min = tostring, math.min

function pcall(...)
  return check(pcall_(...))
end

-- No deadline stops a message handler where Lua would call it, before the stack is unwound.
function xpcall(run, handler, ...)
  local results = pack(check(pcall_(run, ...)))
  if results[1] then
    return unpack(results, 1, results.n)
  end
  local handled = pack(check(pcall_(handler, results[2])))
  return false, unpack(handled, 2, handled.n)
end

function coroutine.resume(...)
  return check(resume(...))
end

-- What the deadline has ended is not closed: no deadline would stop that.
function coroutine.close(...)
  check()
  return check(close(...))
end

local function raised(ok, ...)
  if ok then
    return ...
  end
  error((...), 0)
end

function coroutine.wrap(run)
  local made = create(run)
  return function(...)
    return raised(check(resume(made, ...)))
  end
end

-- No deadline stops a finalizer.
function setmetatable(of, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("__gc is not available in hooks", 2)
  end
  return setmetatable_(of, metatable)
end

-- Nothing, repeated without an end, is nothing, and takes no time to write.
function string.rep(text, count, between)
  if text == "" and (between == nil or between == "") then
    return ""
  end
  return rep(text, count, between)
end

-- Here, and not in `note`: what this makes counts as the script's memory, and the deadline stops it.
function print(...)
  local texts = pack(...)
  local count = min(texts.n, 100)
  for place = 1, count do
    texts[place] = tostring(texts[place])
  end
  note(unpack(texts, 1, count))
end

getmetatable("").__metatable = false
for _, name in ipairs { "load", "loadfile", "loadstring", "dofile", "require", "package", "io", "os", "debug",
  "collectgarbage", "warn" } do
  _G[name] = nil
end
string.dump = nil
