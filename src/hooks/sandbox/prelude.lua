-- Runs before every script: takes away what a hook must not have, and closes ways around the deadline.
-- `check` raises again what a protected call has caught when time is up; `note` writes a line to the log.
local check, note = ...

local pcall_, xpcall_, setmetatable_ = pcall, xpcall, setmetatable
local resume, close, rep = coroutine.resume, coroutine.close, string.rep
local rawget, type, error = rawget, type, error

function pcall(...)
  return check(pcall_(...))
end

function xpcall(...)
  return check(xpcall_(...))
end

function coroutine.resume(...)
  return check(resume(...))
end

function coroutine.close(...)
  return check(close(...))
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

function print(...)
  note(...)
end

getmetatable("").__metatable = false
for _, name in ipairs { "load", "loadfile", "loadstring", "dofile", "require", "package", "io", "os", "debug",
  "collectgarbage", "warn" } do
  _G[name] = nil
end
string.dump = nil
