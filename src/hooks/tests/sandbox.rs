//! What a script cannot reach.

use super::*;

#[tokio::test]
async fn the_world_is_not_there() {
    let log = logged(
        "for _, name in ipairs {\"io\", \"os\", \"require\", \"package\", \"load\", \"loadfile\", \"loadstring\", \"dofile\",\n\
         \"debug\", \"collectgarbage\", \"warn\"} do if _G[name] ~= nil then mailferry.log(name) end end\n\
         for _, name in ipairs {\"dump\"} do if string[name] ~= nil then mailferry.log(name) end end\n\
         if (\"x\").dump then mailferry.log(\"dump\") end",
    )
    .await;
    assert_eq!(log, [""; 0]);
}

#[tokio::test]
async fn what_there_is_can_be_listed() {
    let log = logged(
        "local names = {} for name in pairs(_G) do names[#names + 1] = name end table.sort(names) print(table.concat(names, \" \"))",
    )
    .await;
    assert_eq!(
        log,
        [
            "_G _VERSION assert coroutine error getmetatable ipairs mailferry math next pairs pcall print rawequal rawget \
          rawlen rawset select setmetatable string table tonumber tostring type utf8 xpcall"
        ]
    );
}

#[tokio::test]
async fn metatables_of_ours_are_out_of_reach() {
    let maildir = Maildir::new();
    let mut host = start(
        "mailferry.on(\"message.new\", function(msg)\n\
         print(getmetatable(\"\"), getmetatable(msg), getmetatable(mailferry.search {}))\n\
         print(pcall(setmetatable, \"\", {}), pcall(setmetatable, msg, {}))\n\
         print(pcall(function() msg.path = \"/etc/passwd\" end))\n\
         print(rawget == nil, pcall(rawset, msg, \"path\", \"x\"))\n\
         print(pcall(msg.text, {}), pcall(msg.delete))\n\
         end)",
    )
    .await;
    let reply = host
        .tell(
            &[arrived(maildir.put("INBOX", 1, Flags::new(), MAIL))],
            false,
        )
        .await;
    assert_eq!(reply.failures, []);
    assert_eq!(reply.wanted, []);
    assert_eq!(reply.log[0], "false false false");
    for line in &reply.log[1..] {
        assert!(!line.contains("true"), "{line}");
    }
}

#[tokio::test]
async fn functions_that_a_script_replaces_are_its_own_loss() {
    let mut host = start(
        "string.format = nil string.rep = nil table.concat = nil type = nil rawget = nil error = nil tostring = nil\n\
         mailferry.on(\"account.synced\", function() print(1, {} ~= nil) setmetatable({}, {}) pcall(print, 2) end)",
    )
    .await;
    let reply = host.tell(&[SYNCED], false).await;
    assert_eq!(
        (reply.failures, reply.log),
        (vec![], vec!["1 true".to_owned(), "2".to_owned()])
    );
}

#[tokio::test]
async fn a_hook_does_not_see_anothers_state() {
    let mut hooks = Hooks::start(
        vec![
            script("secret = 1 string.secret = 1"),
            script("mailferry.on(\"account.synced\", function() print(secret, string.secret) end)"),
        ],
        || None,
    )
    .await;
    assert_eq!(hooks.tell(&[SYNCED], false).await.log, ["nil nil"]);
}

#[tokio::test]
async fn protected_calls_and_coroutines_work_as_ever() {
    let log = logged(
        "print(pcall(error, \"x\"), select(\"#\", pcall(function() return 1, nil, nil end)))\n\
         print(xpcall(error, function(m) return \"handled \" .. m end, \"y\"))\n\
         local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) error(\"end \" .. b, 0) end)\n\
         print(coroutine.resume(co, 1)) print(coroutine.resume(co, 2)) print(coroutine.resume(co))\n\
         local y = coroutine.wrap(function() print(pcall(function() coroutine.yield(5) return 6 end)) end)\n\
         print(y()) y()\n\
         print((\"ab\"):rep(2, \"-\"), (\"\"):rep(3), (\"\"):rep(2, \"x\"))\n\
         local ok, why = pcall(mailferry.on, \"x\") print(type(why))",
    )
    .await;
    assert_eq!(
        log,
        [
            "false 4",
            "false handled y",
            "true 2",
            "false end 2",
            "false cannot resume dead coroutine",
            "5",
            "true 6",
            "ab-ab  x",
            "string"
        ]
    );
}

/// What scripts see stands in the reference and in the types, and nothing else does.
#[tokio::test]
async fn all_there_is_is_documented() {
    let (types, reference) = (
        include_str!("../../../plugins/types.lua"),
        include_str!("../../../docs/hooks.md"),
    );
    let log = logged(
        "for name in pairs(mailferry) do print(name) end for name in pairs(mailferry.date()) do print(\"date:\" .. name) end",
    )
    .await;
    for name in &log {
        let (typed, told) = match name.strip_prefix("date:") {
            Some(part) => (format!("{part}: integer"), format!("`{part}`")),
            None => (format!("mailferry.{name}"), format!("mailferry.{name}")),
        };
        assert!(types.contains(&typed), "types.lua lacks {typed}");
        assert!(reference.contains(&told), "docs/hooks.md lacks {told}");
    }
    let typed = types.lines().filter_map(|line| {
        let rest = line.strip_prefix("function mailferry.")?;
        rest.split('(').next()
    });
    for name in typed {
        assert!(
            log.iter().any(|known| known == name),
            "{name} is only typed"
        );
    }
    for event in Event::ALL {
        let (typed, told) = (format!("\"{event}\""), format!("| `{event}` |"));
        assert!(types.contains(&typed), "types.lua lacks {event}");
        assert!(reference.contains(&told), "docs/hooks.md lacks {event}");
    }
    for name in shipped_names() {
        let listed = include_str!("../../../plugins/README.md").contains(&format!("| `{name}` |"));
        assert!(listed, "plugins/README.md lacks {name}");
    }
}
