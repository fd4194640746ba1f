//! `mailferry.exec{argv = {...}, stdin = ..., timeout = ..., env = {...}}`.

use std::rc::Rc;
use std::time::Duration;

use mlua::{Error, Lua, LuaString, Result, Table, Value};

use super::super::process::{self, Ended, Program};
use super::super::spec::Capability;
use super::{Desk, time_of, values};

/// How long a program may take unless the script says otherwise, and at most.
const USUAL: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);
/// The most arguments, and the most octets that all of them have.
const MOST_ARGUMENTS: usize = 4096;
const MOST_OCTETS: usize = 1 << 20;

pub(super) fn install(lua: &Lua, desk: &Rc<Desk>, table: &Table) -> Result<()> {
    let shared = Rc::clone(desk);
    let exec = move |lua: &Lua, what: Table| {
        shared.demand(Capability::Exec, "mailferry.exec")?;
        if shared.loading.get() {
            return Err(Error::runtime("programs can only be run in a handler"));
        }
        let mut program = program(&what)?;
        program.kept = shared.spec.kept;
        shared
            .reply
            .borrow_mut()
            .programs
            .push(program.argv.clone());
        if shared.spec.dry {
            return ended(lua, &nothing());
        }
        let most = program.timeout + Duration::from_secs(5);
        match shared.clock.pause(most, || process::run(program)) {
            Ok(result) => {
                shared.reply.borrow_mut().killed += usize::from(result.timed_out);
                ended(lua, &result)
            }
            Err(error) => Ok((Value::Nil, Some(error.to_string()))),
        }
    };
    table.set("exec", lua.create_function(exec)?)
}

fn program(what: &Table) -> Result<Program> {
    values::only(what, "mailferry.exec", &["argv", "stdin", "timeout", "env"])?;
    let argv: Vec<String> = what.get::<Table>("argv").map_or_else(
        |_| Err(Error::runtime("mailferry.exec: argv is no list of strings")),
        |list| list.sequence_values().collect(),
    )?;
    let octets: usize = argv.iter().map(String::len).sum();
    let fine = (1..=MOST_ARGUMENTS).contains(&argv.len())
        && octets <= MOST_OCTETS
        && argv.iter().all(|word| !word.contains('\0'));
    if !fine {
        return Err(Error::runtime(
            "mailferry.exec: argv is empty, too long, or holds a NUL",
        ));
    }
    let timeout = match what.get("timeout")? {
        Value::Nil => USUAL,
        time => time_of(&time)?.min(LONGEST),
    };
    let stdin: Option<LuaString> = what.get("stdin")?;
    let env: Option<Table> = what.get("env")?;
    let env = env.map_or_else(|| Ok(Vec::new()), |env| variables(&env))?;
    Ok(Program {
        argv,
        stdin: stdin.map_or_else(Vec::new, |text| text.as_bytes().to_vec()),
        env,
        timeout,
        kept: false,
    })
}

fn variables(env: &Table) -> Result<Vec<(String, String)>> {
    let variables: Vec<(String, String)> = env.pairs().collect::<Result<_>>()?;
    let fine = |(name, value): &(String, String)| {
        !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
    };
    if variables.iter().all(fine) {
        return Ok(variables);
    }
    Err(Error::runtime(
        "mailferry.exec: env has a name or a value that cannot be",
    ))
}

/// What a program that was not run is said to have done.
fn nothing() -> Ended {
    Ended {
        code: Some(0),
        signal: None,
        timed_out: false,
        stdout: Vec::new(),
        stderr: Vec::new(),
    }
}

fn ended(lua: &Lua, result: &Ended) -> Result<(Value, Option<String>)> {
    let table = lua.create_table()?;
    table.set("ok", result.code == Some(0))?;
    table.set("status", result.code)?;
    table.set("signal", result.signal)?;
    table.set("timed_out", result.timed_out)?;
    table.set("stdout", values::to_lua(lua, &result.stdout)?)?;
    table.set("stderr", values::to_lua(lua, &result.stderr)?)?;
    Ok((Value::Table(table), None))
}
