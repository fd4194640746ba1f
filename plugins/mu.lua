-- mu: lets mu index mail after each batch.
--
-- Options:
--   command = "mu"
--   emacs = false          ask a running mu4e by `emacsclient` instead: it holds the database open while it runs
--   timeout = "5m"
--
-- Needs allow = ["exec"]. Without `emacs` it runs `mu index --quiet --lazy-check`.

mailferry.needs("exec")
local options = mailferry.options
local timeout = options.timeout or "5m"
local argv
if options.emacs then
  argv = { "emacsclient", "--no-wait", "--eval", "(mu4e-update-index)" }
else
  argv = { options.command or "mu", "index", "--quiet", "--lazy-check" }
end

mailferry.on("mailbox.synced", function(batch)
  if #batch.changed == 0 and batch.gone == 0 then
    return
  end
  local result, why = mailferry.exec { argv = argv, timeout = timeout }
  if not result then
    error(argv[1] .. " cannot be run: " .. why, 0)
  elseif result.timed_out then
    error(argv[1] .. " took longer than " .. timeout, 0)
  elseif not result.ok then
    error(argv[1] .. ": " .. result.stderr, 0)
  end
end)
