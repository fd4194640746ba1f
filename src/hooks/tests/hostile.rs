//! Scripts that would stop everything, and what becomes of them.

use std::time::{Duration, Instant};

use super::*;

/// A handler with this body fails for this reason, soon enough, and the hook works afterwards.
async fn stopped(body: &str, why: Why) -> Failure {
    stopped_of(body, why, script).await
}

async fn stopped_of(body: &str, why: Why, spec: impl Fn(&str) -> Spec) -> Failure {
    let text = format!(
        "mailferry.on(\"error\", function(event)\n{body}\nend)\n\
         mailferry.on(\"account.synced\", function() mailferry.log(\"fine\") end)"
    );
    let mut host = Host::start(spec(&text), None)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let begin = Instant::now();
    let error = Occasion::Error {
        mailbox: None,
        text: "x".to_owned(),
    };
    let reply = host.tell(&[error], false).await;
    let taken = begin.elapsed();
    assert_eq!(reply.failures.len(), 1, "{body}: {reply:?}");
    assert_eq!(reply.failures[0].why, why, "{body}: {reply:?}");
    assert!(taken < Duration::from_secs(5), "{body}: {taken:?}");
    assert_eq!(host.failures(), 1);
    assert_eq!(host.tell(&[SYNCED], false).await.log, ["fine"], "{body}");
    assert_eq!((host.failures(), host.abandoned()), (0, 0));
    reply.failures[0].clone()
}

#[tokio::test]
async fn a_script_that_never_ends_is_stopped_and_a_new_state_goes_on() {
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(pcall, function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local function f() while true do end end while true do coroutine.resume(coroutine.create(f)) end",
        "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
        "local function f() pcall(f) while true do end end f()",
        "table.sort({3, 2, 1, 5, 4}, function(a, b) while true do end end)",
        "while true do pcall(table.sort, {3, 2, 1}, function(a, b) while true do end end) end",
        "string.gsub(\"aaa\", \"a\", function() while true do end end)",
        "local t = setmetatable({}, {__index = function() while true do end end}) return t.x",
        "return tostring(setmetatable({}, {__tostring = function() while true do end end}))",
        "goto again ::again:: goto again",
        "local x <close> = setmetatable({}, {__close = function() while true do end end}) error(\"x\")",
        "local s = (\"\"):rep(1 << 50) while true do s = s .. (\"\"):rep(1 << 50) end",
        "for message in function() return 1 end do end",
    ] {
        let failure = stopped(body, Why::Deadline).await;
        assert!(failure.text.contains("test.lua:"), "{body}: {failure}");
        assert!(failure.text.contains("took too long"), "{body}: {failure}");
    }
}

#[tokio::test]
async fn memory_has_an_end() {
    for body in [
        "local t = {} for i = 1, math.huge do t[i] = (\"x\"):rep(1000) .. i end",
        "local s = (\"x\"):rep(1 << 30)",
        "local s = \"x\" while true do s = s .. s end",
        "local t = {} while true do t = {t, t} end",
        "return table.concat(setmetatable({}, {__index = tostring}), \"\", 1, 1 << 40)",
        "local all = {} while true do all[#all + 1] = coroutine.create(print) end",
        "local function f() return 1 + f() end f()",
    ] {
        let small = |text: &str| Spec {
            memory: 4 << 20,
            timeout: Duration::from_secs(4),
            ..script(text)
        };
        stopped_of(body, Why::Memory, small).await;
    }
}

#[tokio::test]
async fn errors_of_all_kinds_are_only_errors() {
    for (body, text) in [
        ("error(\"boom\")", "test.lua:2: boom"),
        ("error({})", "test.lua"),
        ("error()", "test.lua"),
        (
            "local x = nil .. \"a\"",
            "test.lua:2: attempt to concatenate",
        ),
        ("event.x.y = 1", "test.lua:2: attempt to index"),
        (
            "local function f() return (\"x\"):gsub(\"x\", f) end f()",
            "test.lua",
        ),
        (
            "local function f() local _ = setmetatable({}, {__index = f}).x end f()",
            "test.lua",
        ),
        (
            "mailferry.on(\"mesage.new\", print)",
            "test.lua:2: there is no event \"mesage.new\"",
        ),
        ("mailferry.on(\"hold\")", "test.lua:2: "),
        (
            "mailferry.every(\"soon\", print)",
            "test.lua:2: \"soon\" is no time",
        ),
        (
            "mailferry.exec {argv = {\"true\"}}",
            "test.lua:2: mailferry.exec needs allow = [\"exec\"]",
        ),
        (
            "mailferry.notify {title = \"x\"}",
            "test.lua:2: mailferry.notify needs allow",
        ),
        (
            "error(\"a\\27[2Jb\\nc\\u{202e}d\")",
            "test.lua:2: a\\u{1b}[2Jb\\nc\\u{202e}d",
        ),
        (
            "setmetatable({}, {__gc = function() while true do end end})",
            "test.lua:2: __gc is not available",
        ),
        (
            "local co = coroutine.wrap(function() error(\"inside\") end) co()",
            "test.lua:2: inside",
        ),
    ] {
        let failure = stopped(body, Why::Script).await;
        assert!(failure.text.contains(text), "{body}: {failure}");
    }
}

#[tokio::test]
async fn acts_of_a_handler_that_fails_are_left_out() {
    let maildir = Maildir::new();
    let mut host = start(
        "mailferry.on(\"message.new\", function(msg) msg:delete() error(\"no\") end)\n\
         mailferry.on(\"message.new\", function(msg) msg:add_flags(\"seen\") end)",
    )
    .await;
    let new = arrived(maildir.put("INBOX", 1, Flags::new(), MAIL));
    let reply = host.tell(&[new], false).await;
    assert_eq!(reply.failures.len(), 1);
    assert!(
        matches!(acts(&reply)[..], [(1, Act::AddFlags(_))]),
        "{reply:?}"
    );
}

#[tokio::test]
async fn what_never_leaves_c_costs_its_thread_and_sets_the_hook_aside() {
    for body in [
        "string.find((\"a\"):rep(1e4), \".-.-.-.-b$\")",
        "string.gsub((\"a\"):rep(1e4), \".-.-.-.-b$\", \"\")",
        "for _ in string.gmatch((\"a\"):rep(1e4), \".-.-.-.-b$\") do end",
        "pcall(string.match, (\"a\"):rep(1e4), \".-.-.-.-b$\")",
        "table.insert(setmetatable({}, {__len = function() return 1 << 50 end}), 1, 1)",
        "coroutine.wrap(function() local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end end)()",
    ] {
        stuck(body).await;
    }
}

async fn stuck(body: &str) {
    let mut host = start(&format!(
        "mailferry.on(\"account.synced\", function(event)\n{body}\nend)\n\
         mailferry.on(\"error\", function() mailferry.log(\"fine\") end)"
    ))
    .await;
    let begin = Instant::now();
    let reply = host.tell(&[SYNCED], false).await;
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(reply.failures[0].why, Why::Stuck);
    assert_eq!(host.abandoned(), 1);
    assert_eq!(host.condition().word(), "set-aside");
    assert!(
        host.last_error()
            .unwrap()
            .contains("test.lua: did not come back")
    );
    assert_eq!(host.tell(&[SYNCED], false).await, Reply::default());
    host.enable().await.unwrap();
    assert_eq!(host.condition(), &Condition::Running);
    let error = Occasion::Error {
        mailbox: None,
        text: "x".to_owned(),
    };
    assert_eq!(host.tell(&[error], false).await.log, ["fine"]);
}

#[tokio::test]
async fn a_hook_that_always_fails_is_set_aside_and_comes_back_when_it_is_enabled() {
    let mut host = start("mailferry.on(\"account.synced\", function() error(\"boom\") end)").await;
    for _ in 0..5 {
        assert_eq!(host.condition(), &Condition::Running);
        host.tell(&[SYNCED], false).await;
    }
    let Condition::SetAside { reason } = host.condition() else {
        panic!("{:?}", host.condition())
    };
    assert_eq!(
        reason,
        "failed 5 times in a row, at last: test.lua:1: boom (in account.synced)"
    );
    host.enable().await.unwrap();
    assert_eq!((host.failures(), host.last_error()), (0, None));
    assert_eq!(host.tell(&[SYNCED], false).await.failures.len(), 1);
}

#[tokio::test]
async fn a_batch_in_which_every_call_fails_counts_each() {
    let maildir = Maildir::new();
    let mut host = start("mailferry.on(\"message.new\", function() error(\"boom\") end)").await;
    let new = |number| arrived(maildir.put("INBOX", number, Flags::new(), MAIL));
    host.tell(&[new(1), new(2), new(3)], false).await;
    assert_eq!(host.failures(), 3);
    host.tell(&[new(4), new(5)], false).await;
    assert_eq!(host.condition().word(), "set-aside");
}

#[tokio::test]
async fn a_script_that_cannot_be_loaded_says_where() {
    for (text, wanted) in [
        ("local x = = 1", "test.lua:1: "),
        ("\n\nerror(\"no\")", "test.lua:3: no"),
        ("while true do end", "test.lua:1: took too long"),
        (
            "mailferry.needs(\"exec\")",
            "test.lua:1: this hook needs allow = [\"exec\"]",
        ),
        ("local s = (\"x\"):rep(1 << 30)", "not enough memory"),
        ("\u{1b}Lua", "binary"),
    ] {
        let error = Host::start(script(text), None)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    let stuck = "string.find((\"a\"):rep(1e4), \".-.-.-.-b$\")";
    let error = Host::start(script(stuck), None)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("did not come back"), "{error}");
}
