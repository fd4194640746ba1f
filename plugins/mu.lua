-- mu: lets mu index mail after each batch, and once after a start.
--
-- Options:
--   command = "mu"
--   emacs = false          ask a running mu4e by `emacsclient` instead: it holds the database open while it runs
--   timeout = "5m"
--
-- Needs allow = ["exec"]. Without `emacs` it runs `mu index --quiet --lazy-check`. While somebody else holds the database
-- nothing is indexed; the log says so, and it is tried again with the next batch or the next pass.

mailferry.needs("exec")
local options = mailferry.options
local timeout = options.timeout or "5m"
local argv
if options.emacs then
  argv = { "emacsclient", "--no-wait", "--eval", "(mu4e-update-index)" }
else
  argv = { options.command or "mu", "index", "--quiet", "--lazy-check" }
end

-- Of the mail of a first sync there are no batches.
local behind = true

local function index()
  local result, why = mailferry.exec { argv = argv, timeout = timeout }
  if not result then
    error(argv[1] .. " cannot be run: " .. why, 0)
  elseif not result.ok then
    behind = true
    local what = result.timed_out and "took longer than " .. timeout or result.stderr:sub(1, 500)
    mailferry.log(argv[1] .. ": " .. what)
  end
end

mailferry.on("mailbox.synced", function(batch)
  if #batch.changed > 0 or batch.gone > 0 then
    index()
  end
end)

mailferry.on("account.synced", function(event)
  if behind and event.complete then
    behind = false
    index()
  end
end)
