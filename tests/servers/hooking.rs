//! Hooks on a real server: what a script wants happens, a broken one is shown, and one that was set aside comes back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Setting;
use crate::living::{alive, ends, equal, until};
use crate::support::{Variant, message, oracle};
use crate::trials::say;

const FILING: &str = r#"
mailferry.on("message.new", function(msg)
    if msg.subject:find("list") then
        msg:add_flags("flagged")
        msg:move_to("Lists")
    end
end)
"#;

/// An account with some mail and this script as its hook.
fn with_hook(script: &str) -> Setting {
    with_hook_and(script, 3, "")
}

/// The same with so much mail and more settings of the hook.
fn with_hook_and(script: &str, count: usize, more: &str) -> Setting {
    let setting = Setting::with_messages(Variant::Dovecot, count);
    let file = setting.ferry.state().with_file_name("hook.lua");
    fs::write(&file, script).unwrap();
    let hook = format!("[[hooks]]\nfile = \"{}\"\n{more}", file.display());
    let address = setting.relay.address;
    setting.ferry.configure(address, "tls = \"none\"\n", &hook);
    setting
}

fn hook_is(setting: &Setting, state: &str) -> bool {
    let status = setting.ferry.run(&["status", "--json"]).json();
    status["hooks"][0]["state"] == state
}

fn is_filed(setting: &Setting, count: usize) -> bool {
    let there = setting.there();
    let lists = there.get("Lists").cloned().unwrap_or_default();
    lists.len() == count && lists.iter().all(|(_, flags)| flags.contains("\\flagged"))
}

#[test]
fn what_a_script_wants_happens_on_the_server() {
    let setting = with_hook(FILING);
    let daemon = alive(&setting);
    until("the hook runs", || hook_is(&setting, "running"));
    let mut client = setting.client();
    client.append("Box", "", &message("of a list"));
    client.append("Box", "", &message("of a friend"));
    until("it is filed", || is_filed(&setting, 1));
    equal(&setting);
    assert_eq!(setting.there()["Box"].len(), 4);
    ends(daemon);
}

#[test]
fn a_pass_without_a_daemon_tells_how_it_ended_and_of_holds() {
    let script = r#"
mailferry.on("account.synced", function(event) print("over: " .. tostring(event.complete)) end)
mailferry.on("hold", function(event) print("held in " .. event.mailbox .. ": " .. event.count) end)
"#;
    let setting = with_hook_and(script, 6, "");
    let told = |line: &str| {
        let done = setting.ferry.sync();
        assert!(done.stderr.contains(line), "{}", done.stderr);
    };
    told("a hook says: over: true");
    for file in setting.ferry.maildir().files("Box") {
        fs::remove_file(file).unwrap();
    }
    told("a hook says: held in Box: 6");
}

#[test]
fn a_pass_without_a_daemon_runs_hooks_too() {
    let setting = with_hook(&format!(
        "{FILING}\nmailferry.on(\"message.new\", function() print(\"hello\") end)"
    ));
    setting.client().append("Box", "", &message("of a list"));
    let done = setting.ferry.sync();
    // What a script says is seen without being asked for.
    assert!(
        done.stderr.contains("a hook says: hello"),
        "{}",
        done.stderr
    );
    done.in_sync();
    assert!(is_filed(&setting, 1), "{:?}", setting.there());
    setting.settle();
}

#[test]
fn a_script_that_fails_is_set_aside_and_comes_back() {
    let setting = with_hook("mailferry.on(\"message.new\", function(msg) error(\"oh no\") end)");
    let daemon = alive(&setting);
    let mut client = setting.client();
    for number in 0..6 {
        client.append("Box", "", &message(&format!("of a list {number}")));
    }
    until("it is set aside", || hook_is(&setting, "set-aside"));
    let status = setting.ferry.run(&["status", "--json"]).json();
    let said = status["hooks"][0]["last_error"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(said.contains("oh no"), "{said}");
    equal(&setting);
    setting
        .ferry
        .run(&["hooks", "enable", "hook.lua"])
        .in_sync();
    until("it is back", || hook_is(&setting, "running"));
    setting.ferry.run(&["hooks", "enable", "no.lua"]).exits(2);
    ends(daemon);
}

#[test]
fn a_script_that_is_edited_is_loaded_anew() {
    let setting = with_hook("this is no Lua");
    let daemon = alive(&setting);
    until("it is not loaded", || hook_is(&setting, "not-loaded"));
    let refused = setting.ferry.run(&["hooks", "enable", "hook.lua"]);
    assert!(
        refused.stderr.contains("hook.lua:1: "),
        "{}",
        refused.stderr
    );
    refused.exits(1);
    std::thread::sleep(Duration::from_millis(20));
    let file = setting.ferry.state().with_file_name("hook.lua");
    fs::write(file, FILING).unwrap();
    setting.client().append("Box", "", &message("of a list"));
    until("it is filed", || is_filed(&setting, 1));
    assert!(hook_is(&setting, "running"));
    ends(daemon);
}

/// How long it takes from a delivery until the file is there; the middle one of some.
fn latency(setting: &Setting, word: &str) -> Duration {
    let maildir = setting.ferry.maildir();
    let is_here = |text: &str| {
        let files = maildir
            .folders()
            .into_iter()
            .flat_map(|it| maildir.files(&it));
        let has = |file: &Path| fs::read_to_string(file).is_ok_and(|it| it.contains(text));
        files.into_iter().any(|file| has(&file)) || trashed(setting.ferry.root().as_path(), text)
    };
    let mut times: Vec<Duration> = (0..7)
        .map(|number| {
            let name = format!("{word} number {number}");
            setting.client().append("Box", "", &message(&name));
            let begun = Instant::now();
            until("the mail", || is_here(&name));
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// Whether the local trash holds a message with this text.
fn trashed(root: &Path, text: &str) -> bool {
    let days = fs::read_dir(root.join(".mailferry-trash"));
    let mut places: Vec<_> = days
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .collect();
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(fs::read_dir(place).unwrap().flatten().map(|it| it.path()));
        } else if fs::read_to_string(&place).is_ok_and(|it| it.contains(text)) {
            return true;
        }
    }
    false
}

const NEVER_ENDS: &str = "mailferry.on(\"message.new\", function() while true do end end)";
const TAKES_ALL: &str = "mailferry.on(\"message.new\", function() local t = {} while true do t = {t, (\"x\"):rep(1000) .. #t} end end)";
const FAILS: &str = "mailferry.on(\"message.new\", function(msg) error(\"boom\") end)";
const STUCK: &str =
    "mailferry.on(\"message.new\", function() string.find((\"a\"):rep(1e4), \".-.-.-.-b$\") end)";
const DELETES: &str = r#"
local function all()
    for msg in mailferry.search {}:each() do
        if msg.mailbox ~= "Trash" then msg:delete() end
    end
end
mailferry.on("message.new", function(msg) msg:delete() all() end)
mailferry.on("account.synced", all)
"#;

/// The promise, one by one: the sync goes on as if there were no hook, no mail is lost, and `status` says what is the matter.
#[test]
fn a_hook_that_does_its_worst_delays_nothing_loses_nothing_and_is_named() {
    let plain = Setting::with_messages(Variant::Dovecot, 30);
    let daemon = alive(&plain);
    let usual = latency(&plain, "without a hook");
    ends(daemon);
    for (name, script, more, reason) in [
        (
            "loops",
            NEVER_ENDS,
            "timeout = \"300ms\"\n",
            "took too long",
        ),
        (
            "allocates",
            TAKES_ALL,
            "memory = \"4MiB\"\n",
            "not enough memory",
        ),
        ("fails", FAILS, "", "boom"),
        (
            "is stuck",
            STUCK,
            "timeout = \"300ms\"\n",
            "did not come back",
        ),
        ("deletes", DELETES, "", ""),
    ] {
        let setting = with_hook_and(script, 30, more);
        let daemon = alive(&setting);
        until("the hook runs", || hook_is(&setting, "running"));
        let took = latency(&setting, name);
        say(&format!(
            "a hook that {name}: {took:.0?}, without one {usual:.0?}"
        ));
        assert!(
            took < usual * 2 + Duration::from_millis(500),
            "{name}: {took:?}"
        );
        let status = || setting.ferry.run(&["status", "--json"]).json();
        if reason.is_empty() {
            // Thirty at once are held, what came singly is in the trash: all of it can be had back.
            until("deletions are held", || {
                status()["accounts"][0]["holds"]
                    .as_array()
                    .is_some_and(|holds| !holds.is_empty())
            });
            let said = status()["accounts"][0]["holds"][0]["reason"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(said.contains("messages"), "{said}");
        } else {
            until("it is set aside", || hook_is(&setting, "set-aside"));
            let hook = status()["hooks"][0].clone();
            let said = hook["last_error"].as_str().unwrap().to_owned();
            assert!(
                said.contains(reason) && said.contains("hook.lua:"),
                "{said}"
            );
            assert!(hook["failures"].as_u64().unwrap() >= 1);
            assert_eq!(
                hook["abandoned"].as_u64(),
                Some(u64::from(name == "is stuck")),
                "{hook}"
            );
            equal(&setting);
        }
        assert_eq!(
            oracle::count(&setting.there()),
            37,
            "{name}: {:?}",
            setting.there()
        );
        ends(daemon);
    }
}

/// Folder, place, flags and content of every file, without the random parts of names.
fn files(root: &Path) -> BTreeMap<(String, String, Vec<u8>), usize> {
    let mut found = BTreeMap::new();
    let mut places = vec![root.to_path_buf()];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                places.push(path);
                continue;
            }
            let folder = path.parent().unwrap().strip_prefix(root).unwrap();
            let flags = match name.rsplit_once(':') {
                Some((_, flags)) => flags.to_owned(),
                None if name.contains(".R") => String::new(),
                None => name.clone(),
            };
            // Markers have a random identity.
            let content = if name == ".mailferry" {
                Vec::new()
            } else {
                fs::read(&path).unwrap()
            };
            *found
                .entry((folder.display().to_string(), flags, content))
                .or_insert(0) += 1;
        }
    }
    found
}

/// Both sides are equal as far as names of files can show it.
fn alike(setting: &Setting) {
    until("both sides are alike", || {
        let [there, here] = [setting.there(), setting.here()].map(|side| oracle::visible(&side));
        oracle::differences(&there, &here).is_empty()
    });
}

/// A day's changes on both sides, while the daemon runs or while it does not.
fn live(setting: &Setting, from: usize) {
    let (mut client, maildir) = (setting.client(), setting.ferry.maildir());
    for number in from..from + 4 {
        client.append("Box", "", &message(&format!("there {number}")));
        maildir.deliver("Box", "S", &message(&format!("here {number}")));
    }
    client.select("Box");
    client.store("2", '+', "\\Flagged Later");
    client.store("3", '+', "\\Deleted");
    client.ok("EXPUNGE");
}

/// What hooks leave behind when they are taken away: nothing. All three failed, looked on, or wanted what was refused.
#[test]
fn once_all_hooks_are_removed_both_sides_are_as_if_there_had_been_none() {
    const LOOKS_ON: &str = r#"
for _, name in ipairs { "message.new", "message.flags", "message.moved", "message.deleted" } do
    mailferry.on(name, function(msg) msg:header("Subject") print(msg.subject) end)
end
mailferry.on("message.new", function(msg) msg:move_to("Elsewhere") error("no") end)
mailferry.every("1s", function() local all = mailferry.search { mailbox = "*" } print(#all) end)
"#;
    let [with, without] = [true, false].map(|hooked| {
        let setting = Setting::with_messages(Variant::Dovecot, 5);
        if hooked {
            let place = setting.ferry.state().with_file_name("hook.lua");
            let mut hooks = String::new();
            for (number, script) in [LOOKS_ON, NEVER_ENDS, FAILS].into_iter().enumerate() {
                let file = place.with_extension(format!("{number}.lua"));
                fs::write(&file, script).unwrap();
                hooks += &format!(
                    "[[hooks]]\nfile = \"{}\"\ntimeout = \"200ms\"\nold_mail = true\n",
                    file.display()
                );
            }
            setting
                .ferry
                .configure(setting.relay.address, "tls = \"none\"\n", &hooks);
        }
        let daemon = alive(&setting);
        live(&setting, 0);
        alike(&setting);
        ends(daemon);
        live(&setting, 10);
        setting.ferry.sync();
        live(&setting, 20);
        setting
            .ferry
            .configure(setting.relay.address, "tls = \"none\"\n", "");
        setting.ferry.sync().in_sync();
        setting.ferry.sync().in_sync();
        alike(&setting);
        setting.assert_quiet();
        setting
    });
    assert_eq!(with.there(), without.there());
    assert_eq!(files(&with.ferry.root()), files(&without.ferry.root()));
}

#[test]
fn keywords_that_no_file_name_can_show_arrive_on_the_server_and_go_again() {
    let setting = with_hook(
        r#"
mailferry.on("message.new", function(msg)
    msg:add_flags("Work", "flagged")
    if msg.subject:find("list") then msg:move_to("Lists") end
end)
mailferry.on("message.flags", function(msg, event)
    if event.side == "remote" and event.added.answered then msg:remove_flags("Work") end
end)
"#,
    );
    let daemon = alive(&setting);
    let mut client = setting.client();
    client.append("Box", "", &message("of a friend"));
    client.append("Box", "", &message("of a list"));
    let labelled = |mailbox: &str, count: usize| {
        let there = setting.there();
        let all = there.get(mailbox).cloned().unwrap_or_default();
        let has = all
            .iter()
            .filter(|(_, flags)| flags.contains("work") && flags.contains("\\flagged"));
        has.count() == count
    };
    until("one is labelled", || labelled("Box", 1));
    until("one is moved and labelled", || labelled("Lists", 1));
    // Names of files have no letter for it, and no mail program is told that they had.
    assert!(!setting.ferry.root().join("Box/dovecot-keywords").exists());
    client.select("Box");
    client.store("1:*", '+', "\\Answered");
    until("the label is gone", || labelled("Box", 0));
    alike(&setting);
    ends(daemon);
    setting.assert_quiet();
}

#[test]
fn mail_that_a_filter_puts_into_a_mailbox_of_its_own_is_new() {
    let setting = with_hook(
        "mailferry.on(\"message.new\", function(msg) if msg.mailbox == \"Fresh\" then msg:add_flags(\"flagged\") end end)",
    );
    let daemon = alive(&setting);
    until("the hook runs", || hook_is(&setting, "running"));
    // INTERNALDATE has whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    let mut client = setting.client();
    client.create("Fresh");
    let mail = message("for a mailbox that was not there");
    client.append_unseen("Fresh", std::iter::once(mail));
    until("the hook was told", || {
        let there = setting.there();
        there
            .get("Fresh")
            .is_some_and(|all| all.iter().any(|(_, flags)| flags.contains("\\flagged")))
    });
    ends(daemon);
}
