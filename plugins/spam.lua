-- spam: asks bogofilter, SpamAssassin or rspamd about new mail, moves spam away, and learns from moves by hand.
--
-- Options:
--   filter = "bogofilter"      or "spamassassin" (spamc, sa-learn), or "rspamd" (rspamc)
--   junk = "Junk"              where spam goes
--   from = [ "INBOX" ]         mailboxes whose new mail is judged
--   learn = true               a move into `junk` teaches spam, one out of it teaches good mail
--   largest = 1048576          larger messages are not judged, in octets
--   timeout = "20s"
--
-- Needs allow = ["exec"]. Programs get the path of the message, or read the message themselves: no text goes through here.

mailferry.needs("exec")
local options = mailferry.options
local junk = options.junk or "Junk"
local timeout = options.timeout or "20s"
local largest = options.largest or 1048576
local from = {}
for _, mailbox in ipairs(options.from or { "INBOX" }) do
  from[mailbox] = true
end

-- `judge` says whether an answer means spam: true, false, or nil for "cannot say".
local filters = {
  bogofilter = {
    ask = function(path) return { "bogofilter", "-B", path } end,
    judge = function(answer)
      if answer.status == 0 then return true end
      if answer.status == 1 or answer.status == 2 then return false end
    end,
    spam = function(path) return { "bogofilter", "-s", "-B", path } end,
    good = function(path) return { "bogofilter", "-n", "-B", path } end,
  },
  spamassassin = {
    ask = function(path) return { "sh", "-c", 'exec spamc -c <"$1"', "spamc", path } end,
    judge = function(answer)
      -- spamc -c says "score/limit", and 0/0 when it could not ask.
      local score, limit = answer.stdout:match("^(%-?[%d.]+)/(%-?[%d.]+)")
      if score and not (score == "0" and limit == "0") then return answer.status == 1 end
    end,
    spam = function(path) return { "sa-learn", "--spam", path } end,
    good = function(path) return { "sa-learn", "--ham", path } end,
  },
  rspamd = {
    ask = function(path) return { "rspamc", "symbols", path } end,
    judge = function(answer)
      local action = answer.ok and answer.stdout:match("Action: ([^\r\n]+)")
      if action then return action == "reject" or action == "add header" or action == "rewrite subject" end
    end,
    spam = function(path) return { "rspamc", "learn_spam", path } end,
    good = function(path) return { "rspamc", "learn_ham", path } end,
  },
}
local filter = filters[options.filter or "bogofilter"]
if not filter then
  error("the option `filter` is none of bogofilter, spamassassin, rspamd", 0)
end

-- What was moved by this plugin teaches nothing: it would learn its own mistakes.
local mine, count = {}, 0

local function note(id)
  if count == 1000 then
    mine, count = {}, 0
  end
  mine[id], count = true, count + 1
end

local function run(argv)
  local answer, why = mailferry.exec { argv = argv, timeout = timeout }
  if not answer then
    error(argv[1] .. " cannot be run: " .. why, 0)
  elseif answer.timed_out then
    error(argv[1] .. " took longer than " .. timeout, 0)
  end
  return answer
end

mailferry.on("message.new", function(msg)
  if not (from[msg.mailbox] and msg.path) or msg.size > largest then
    return
  end
  local answer = run(filter.ask(msg.path))
  local verdict = filter.judge(answer)
  if verdict == nil then
    -- Without a verdict the mail stays where it is.
    error("no verdict: " .. answer.stdout:sub(1, 100) .. answer.stderr:sub(1, 200), 0)
  elseif verdict then
    note(msg.id)
    msg:move_to(junk)
  end
end)

mailferry.on("message.moved", function(msg, event)
  if options.learn == false or not msg.path then
    return
  end
  if msg.mailbox == junk and mine[msg.id] then
    mine[msg.id] = nil
    count = count - 1
  elseif msg.mailbox == junk then
    run(filter.spam(msg.path))
  elseif event.from == junk then
    run(filter.good(msg.path))
  end
end)
