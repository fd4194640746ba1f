-- autoarchive: moves old mail to an archive, by year.
--
-- Options:
--   mailboxes = [ "INBOX" ]    which mailboxes are cleared (default: INBOX)
--   age = "90d"                how old mail must be (default "90d")
--   archive = "Archive/%Y"     where it goes; %Y is the year of its arrival (default "Archive/%Y")
--   every = "6h"               how often (default "6h")
--   most = 500                 the most messages that are moved at a time (default 500)
--
-- Mail that is unread or flagged stays. Needs nothing in `allow`.

local options = mailferry.options
local mailboxes = options.mailboxes or { "INBOX" }
local age = options.age or "90d"
local archive = options.archive or "Archive/%Y"
local most = options.most or 500

local function clear()
  local old = mailferry.search {
    mailbox = mailboxes,
    older_than = age,
    flags = { "seen" },
    without_flags = { "flagged", "draft" },
  }
  local moved = 0
  for msg in old:each() do
    if moved == most then
      break
    end
    local year = string.format("%04d", mailferry.date(msg.date).year)
    local target = archive:gsub("%%Y", year)
    if target ~= msg.mailbox then
      msg:move_to(target)
      moved = moved + 1
    end
  end
  if moved > 0 then
    mailferry.log("archives " .. moved .. " of " .. #old .. " old messages")
  end
end

mailferry.every(options.every or "6h", clear)

-- The first time there is something to see, too: timers wait for their first turn.
local first = true
mailferry.on("account.synced", function(event)
  if first and event.complete then
    first = false
    clear()
  end
end)
