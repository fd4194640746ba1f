-- spam: asks bogofilter, SpamAssassin or rspamd about new mail, moves spam away, and learns from moves by hand.
--
-- Options:
--   filter = "bogofilter"      or "spamassassin" (spamc, sa-learn), or "rspamd" (rspamc)
--   junk = "Junk"              where spam goes
--   from = [ "INBOX" ]         mailboxes whose new mail is judged
--   learn = true               a move into `junk` teaches spam, one out of it teaches good mail
--   trash = [ "Trash" ]        whoever moves something from `junk` to there says nothing of it (default: usual names)
--   largest = 1048576          larger messages are not judged, in octets
--   programs = "/opt/rspamd/bin"          where the filter's programs are (default: on the PATH)
--   timeout = "20s"
--
-- Needs allow = ["exec"]. Programs get the path of the message, or read the message themselves: no text goes through here.
-- While the filter does not answer, mail stays where it is, and the log says so. What hooks moved teaches nothing.

mailferry.needs("exec")
local options = mailferry.options
local timeout = options.timeout or "20s"
local largest = options.largest or 1048576
local programs = options.programs and options.programs .. "/" or ""

-- INBOX is the same in any case.
local function canonical(name)
  return (name:gsub("^[Ii][Nn][Bb][Oo][Xx]%f[/\0]", "INBOX"))
end

local junk = canonical(options.junk or "Junk")
local from, trash = {}, {}
for _, mailbox in ipairs(options.from or { "INBOX" }) do
  from[canonical(mailbox)] = true
end
for _, name in ipairs(options.trash or { "Trash", "Deleted", "Deleted Items", "Deleted Messages", "Bin", "Papierkorb",
  "Gelöschte Elemente", "Corbeille", "Cestino", "Papelera", "Lixeira", "Prullenbak", "Kosz" }) do
  trash[name:lower()] = true
end

local function is_trash(mailbox)
  local name = mailbox:lower()
  return trash[name] or trash[name:match("[^/]*$")] or false
end

-- `judge` says whether an answer means spam: true, false, or nil for "cannot say". `again`: the opposite was taught before.
local filters = {
  bogofilter = {
    ask = function(path) return { programs .. "bogofilter", "-B", path } end,
    judge = function(answer)
      if answer.status == 0 then return true end
      if answer.status == 1 or answer.status == 2 then return false end
    end,
    spam = function(path, again) return { programs .. "bogofilter", again and "-Ns" or "-s", "-B", path } end,
    good = function(path, again) return { programs .. "bogofilter", again and "-Sn" or "-n", "-B", path } end,
  },
  -- This and the next forget the opposite by themselves.
  spamassassin = {
    ask = function(path) return { "sh", "-c", 'exec "$0" -c <"$1"', programs .. "spamc", path } end,
    judge = function(answer)
      -- spamc -c says "score/limit", and 0/0 when it could not ask.
      local score, limit = answer.stdout:match("^(%-?[%d.]+)/(%-?[%d.]+)")
      if score and not (score == "0" and limit == "0") then return answer.status == 1 end
    end,
    spam = function(path) return { programs .. "sa-learn", "--spam", path } end,
    good = function(path) return { programs .. "sa-learn", "--ham", path } end,
  },
  rspamd = {
    ask = function(path) return { programs .. "rspamc", "symbols", path } end,
    judge = function(answer)
      local action = answer.ok and answer.stdout:match("Action: ([^\r\n]+)")
      if action then return action == "reject" or action == "add header" or action == "rewrite subject" end
    end,
    spam = function(path) return { programs .. "rspamc", "learn_spam", path } end,
    good = function(path) return { programs .. "rspamc", "learn_ham", path } end,
  },
}
local filter = filters[options.filter or "bogofilter"]
if not filter then
  error("the option `filter` is none of bogofilter, spamassassin, rspamd", 0)
end

-- What cannot be run at all is a mistake in the configuration; what takes too long is in trouble.
local function run(argv)
  local answer, why = mailferry.exec { argv = argv, timeout = timeout }
  if not answer then
    error(argv[1] .. " cannot be run: " .. why, 0)
  elseif answer.timed_out then
    mailferry.log(argv[1] .. " took longer than " .. timeout)
    return nil
  end
  return answer
end

mailferry.on("message.new", function(msg)
  if not (from[msg.mailbox] and msg.path) or msg.size > largest then
    return
  end
  local answer = run(filter.ask(msg.path))
  local verdict = answer and filter.judge(answer)
  if verdict then
    msg:move_to(junk)
  elseif answer and verdict == nil then
    mailferry.log("no verdict: " .. answer.stdout:sub(1, 100) .. answer.stderr:sub(1, 200))
  end
end)

-- What messages were taught as: whoever moves one back undoes the lesson.
local lessons, count = {}, 0

local function learn(msg, lesson)
  local key = msg.message_id or msg.id
  local before = lessons[key]
  if before == lesson then
    return
  end
  local answer = run(filter[lesson](msg.path, before ~= nil))
  if not answer or not answer.ok then
    return mailferry.log("nothing was learned: " .. (answer and answer.stderr:sub(1, 200) or ""))
  end
  if before == nil and count == 1000 then
    lessons, count = {}, 0
  end
  count = count + (lessons[key] and 0 or 1)
  lessons[key] = lesson
end

mailferry.on("message.moved", function(msg, event)
  -- It would learn its own mistakes.
  if options.learn == false or not msg.path or event.by == "hook" then
    return
  end
  if msg.mailbox == junk then
    learn(msg, "spam")
  elseif event.from == junk and not is_trash(msg.mailbox) then
    learn(msg, "good")
  end
end)
