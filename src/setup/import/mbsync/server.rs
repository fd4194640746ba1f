//! IMAP accounts: host, TLS, user and password.

use super::super::document::{Document, TableId};
use super::super::words::Words;
use super::super::{Context, names, secret, value};
use super::Section;
use super::store::unknown;

/// Writes how to connect.
pub(super) fn write(
    document: &mut Document,
    (table, account): (TableId, &str),
    section: &Section,
    context: &Context<'_>,
) {
    match section.get("host") {
        Some(words) => host(document, table, words),
        None => {
            document.cannot(
                table,
                section.line,
                "there is no Host; a Tunnel cannot be carried over",
            );
            document.set_text(table, "host", "imap.example.com");
        }
    }
    tls(document, table, section);
    match section.get("user") {
        Some(words) => document.set_text(table, "user", words.first()),
        None => {
            let line = section
                .get("usercmd")
                .map_or(section.line, |words| words.line);
            document.cannot(table, line, "the user's name has to stand here");
            document.set_text(table, "user", "name");
        }
    }
    password(document, (table, account), section, context);
    for words in &section.lines {
        other(document, table, words);
    }
}

fn host(document: &mut Document, table: TableId, words: &Words) {
    // Old versions took "imaps:host".
    let host = words.first();
    let host = host
        .strip_prefix("imaps:")
        .or_else(|| host.strip_prefix("imap:"))
        .unwrap_or(host);
    document.set_text(table, "host", host);
}

fn tls(document: &mut Document, table: TableId, section: &Section) {
    let port = section.get("port");
    if let Some(words) = port {
        match words.first().parse::<u16>() {
            Ok(port) => document.set(table, "port", port.to_string()),
            Err(_) => document.cannot(table, words.line, "the port is no number"),
        }
    }
    let by_host = section
        .get("host")
        .is_some_and(|words| words.first().starts_with("imaps:"));
    let old = section.get("useimaps").is_some_and(Words::yes);
    let kind = section.any(&["ssltype", "tlstype"]);
    let is = |name: &str| kind.is_some_and(|words| words.first().eq_ignore_ascii_case(name));
    let guess = kind.is_none() && port.is_some_and(|words| words.first() == "993");
    if is("imaps") || old || by_host || guess {
        // The default.
    } else if is("none") {
        let host = section.get("host").map_or("", |words| words.first());
        if ["localhost", "127.0.0.1", "::1"].contains(&host) {
            document.set_text(table, "tls", "none");
        } else {
            let line = kind.map_or(section.line, |words| words.line);
            document.cannot(
                table,
                line,
                "passwords travel without TLS only within this machine",
            );
            document.set_text(table, "tls", "starttls");
        }
    } else {
        document.set_text(table, "tls", "starttls");
    }
    if let Some(words) = section.get("certificatefile") {
        document.set_text(table, "tls_ca_file", &names::path(words.first()));
    }
}

fn password(
    document: &mut Document,
    (table, account): (TableId, &str),
    section: &Section,
    context: &Context<'_>,
) {
    if let Some(words) = section.get("passcmd") {
        let command = words.arguments.join(" ");
        let command = command.strip_prefix('+').unwrap_or(&command);
        return secret::by_command(document, table, command);
    }
    let here = (table, account);
    match section.get("pass") {
        Some(words) => secret::in_clear(document, context, here, (words.line, words.first())),
        None => {
            let line = section
                .get("usekeychain")
                .map_or(section.line, |words| words.line);
            let why = "mbsync asks for the password";
            secret::unknown(document, context, here, (line, why));
        }
    }
}

fn other(document: &mut Document, table: TableId, words: &Words) {
    match words.keyword.as_str() {
        "host" | "port" | "user" | "usercmd" | "pass" | "passcmd" | "usekeychain" | "ssltype"
        | "tlstype" | "useimaps" | "certificatefile" => {}
        // Of an IMAP store that is an account as well.
        "path" | "mapinbox" | "flatten" | "usenamespace" | "pathdelimiter" | "subscribedonly"
        | "account" | "trash" | "trashnewonly" | "trashremotenew" | "maxsize" => {}
        // What was optional there is decided: certificates are verified, TLS is 1.2 or later, commands are pipelined.
        "systemcertificates" if words.yes() => {}
        "pipelinedepth" | "sslversions" | "tlsversions" | "cipherstring" | "requiressl"
        | "requirecram" | "usesslv2" | "usesslv3" | "usetlsv1" | "usetlsv1.1" | "usetlsv1.2" => {}
        "timeout" => {
            let seconds = words.first().parse::<u32>().unwrap_or(0);
            if seconds > 0 {
                document.set(table, "timeout", value::text(&format!("{seconds}s")));
            }
        }
        "disableextension" | "disableextensions" => {
            let names = words.arguments.iter().map(|name| name.to_uppercase());
            document.set(table, "disable_extensions", value::list(names));
        }
        "authmech" | "authmechs" => auth(document, table, words),
        "tunnel" => document.cannot(
            table,
            words.line,
            "a Tunnel cannot be carried over: mailferry makes its connections itself",
        ),
        "systemcertificates" => document.cannot(
            table,
            words.line,
            "to trust nothing but one key, use tls_pin_sha256",
        ),
        "clientcertificate" | "clientkey" => document.cannot(
            table,
            words.line,
            "client certificates are not carried over",
        ),
        name => document.cannot(table, words.line, &unknown(name)),
    }
}

fn auth(document: &mut Document, table: TableId, words: &Words) {
    let usual = |name: &String| {
        ["*", "LOGIN", "PLAIN"]
            .iter()
            .any(|it| name.eq_ignore_ascii_case(it))
    };
    if !words.arguments.iter().all(usual) {
        let named = words.arguments.join(" ");
        document.cannot(
            table,
            words.line,
            &format!("AuthMechs {named}: mailferry chooses the mechanism itself"),
        );
    }
}
