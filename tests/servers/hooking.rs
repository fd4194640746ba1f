//! Hooks on a real server: what a script wants happens, a broken one is shown, and one that was set aside comes back.

use std::fs;
use std::time::Duration;

use crate::Setting;
use crate::living::{alive, ends, equal, until};
use crate::support::{Variant, message};

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
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let file = setting.ferry.state().with_file_name("hook.lua");
    fs::write(&file, script).unwrap();
    let hook = format!("[[hooks]]\nfile = \"{}\"\n", file.display());
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
fn a_pass_without_a_daemon_runs_hooks_too() {
    let setting = with_hook(FILING);
    setting.client().append("Box", "", &message("of a list"));
    setting.ferry.sync().in_sync();
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
    std::thread::sleep(Duration::from_millis(20));
    let file = setting.ferry.state().with_file_name("hook.lua");
    fs::write(file, FILING).unwrap();
    setting.client().append("Box", "", &message("of a list"));
    until("it is filed", || is_filed(&setting, 1));
    assert!(hook_is(&setting, "running"));
    ends(daemon);
}
