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
-- What is looked for, in the same case as what it is looked for in.
local function lower(number, key, text)
  if type(text) ~= "string" then
    error("rule " .. number .. ": `" .. key .. "` is no text", 0)
  end
  return text:lower()
end

-- A field of a message in lower case, made once for all rules; `texts` holds those of this message.
local function lowered(msg, texts, field)
  local text = texts[field]
  if text == nil then
    local value = msg[field]
    text = value and value:lower() or ""
    texts[field] = text
  end
  return text
end

-- What a rule asks of a message besides its mailbox, each as a function.
local tests = {}

for _, field in ipairs { "from", "subject" } do
  tests[field] = function(wanted)
    return function(msg, texts)
      return lowered(msg, texts, field):find(wanted, 1, true)
    end
  end
end

function tests.to(wanted)
  return function(msg, texts)
    return lowered(msg, texts, "to"):find(wanted, 1, true) or lowered(msg, texts, "cc"):find(wanted, 1, true)
  end
end

function tests.list_id(wanted)
  return function(msg) return msg.list_id == wanted end
end

function tests.header(wanted)
  return function(msg)
    for name, part in pairs(wanted) do
      local text = msg:header(name)
      if not (text and text:lower():find(part, 1, true)) then return false end
    end
    return true
  end
end

function tests.larger(octets)
  return function(msg) return msg.size > octets end
end

function tests.unread(wanted)
  return function(msg) return msg:has_flag("seen") ~= wanted end
end

-- In this order: what costs least comes first.
local order = { "larger", "unread", "list_id", "subject", "from", "to", "header" }

local function compiled(number, rule)
  for key in pairs(rule) do
    if not known[key] then
      error("rule " .. number .. ": there is no key `" .. tostring(key) .. "`", 0)
    end
  end
  local asked = {}
  for _, key in ipairs(order) do
    local wanted = rule[key]
    if key == "header" and wanted ~= nil then
      if type(wanted) ~= "table" then
        error("rule " .. number .. ": `header` is no table", 0)
      end
      local lowercase = {}
      for name, text in pairs(wanted) do
        lowercase[name] = lower(number, "header." .. name, text)
      end
      wanted = lowercase
    elseif wanted ~= nil and key ~= "larger" and key ~= "unread" then
      wanted = lower(number, key, wanted)
    end
    if wanted ~= nil then
      asked[#asked + 1] = tests[key](wanted)
    end
  end
  return { of = rule, mailbox = canonical(rule.mailbox or "INBOX"), asked = asked }
end

-- By mailbox, in the order of the rules.
local by_mailbox = {}
for number, rule in ipairs(rules) do
  local made = compiled(number, rule)
  local all = by_mailbox[made.mailbox] or {}
  all[#all + 1] = made
  by_mailbox[made.mailbox] = all
end

local function met(rule, msg, texts)
  for _, test in ipairs(rule.asked) do
    if not test(msg, texts) then return false end
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
  local texts = {}
  for _, rule in ipairs(by_mailbox[msg.mailbox] or {}) do
    if met(rule, msg, texts) then
      act(rule.of, msg)
      if rule.of.stop ~= false then return end
    end
  end
end)
