//! `mailferry.exec{argv = {...}, stdin = ..., timeout = ..., env = {...}}`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::rc::Rc;
use std::time::Duration;

use mlua::{Error, Lua, LuaString, Result, Table, Value};

use super::super::clock::Pause;
use super::super::process::{Ended, Program, gone};
use super::super::sandbox::OVER;
use super::super::spec::Capability;
use super::{Desk, time_of, values};

/// How long a program may take unless the script says otherwise, and at most.
const USUAL: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);
/// The most arguments, and the most octets that all of them have.
const MOST_ARGUMENTS: usize = 4096;
const MOST_OCTETS: usize = 1 << 20;
/// The most variables.
const MOST_VARIABLES: usize = 256;

pub(super) fn install(lua: &Lua, desk: &Rc<Desk>, table: &Table) -> Result<()> {
    let shared = Rc::clone(desk);
    let exec = move |lua: &Lua, what: Table| {
        shared.demand(Capability::Exec, "mailferry.exec")?;
        if shared.loading.get() {
            return Err(Error::runtime("programs can only be run in a handler"));
        }
        let mut program = program(&what)?;
        program.kept = shared.spec.kept;
        if shared.spec.dry {
            note(&shared, &program);
            return ended(lua, &nothing());
        }
        let pause = Pause::programs(shared.spec.programs);
        program.timeout = program.timeout.min(shared.clock.patience(pause));
        if program.timeout.is_zero() {
            return Err(Error::runtime(format!("the programs {OVER}")));
        }
        note(&shared, &program);
        let most = program.timeout + Duration::from_secs(5);
        let runner = shared.runner.as_ref();
        let run = || runner.map_or_else(|| Err(gone()), |runner| runner.run(program));
        match shared.clock.pause(pause, most, run) {
            Ok(result) => {
                shared.reply.borrow_mut().killed += usize::from(result.timed_out);
                ended(lua, &result)
            }
            Err(error) => Ok((Value::Nil, Some(error.to_string()))),
        }
    };
    table.set("exec", lua.create_function(exec)?)
}

/// Remembers what was run, for whoever tries a hook.
fn note(desk: &Desk, program: &Program) {
    let octets = program.argv.iter().map(|word| word.len()).sum();
    if desk.tally.borrow_mut().program(octets) {
        let words = program.argv.iter();
        let words = words.map(|word| word.to_string_lossy().into_owned());
        desk.reply.borrow_mut().programs.push(words.collect());
    }
}

/// The words of a program, as they are: names of files need not be text.
fn argv(what: &Table) -> Result<Vec<OsString>> {
    let list = what
        .get::<Table>("argv")
        .map_err(|_| Error::runtime("mailferry.exec: argv is no list of strings"))?;
    let bad = || Error::runtime("mailferry.exec: argv is empty, too long, or holds a NUL");
    let (mut argv, mut room) = (Vec::new(), MOST_OCTETS);
    for word in list.sequence_values::<LuaString>() {
        let word = word?;
        let octets = word.as_bytes();
        room = room.checked_sub(octets.len()).ok_or_else(bad)?;
        if argv.len() >= MOST_ARGUMENTS || octets.contains(&0) {
            return Err(bad());
        }
        argv.push(OsString::from_vec(octets.to_vec()));
    }
    if argv.is_empty() {
        return Err(bad());
    }
    Ok(argv)
}

fn program(what: &Table) -> Result<Program> {
    values::only(what, "mailferry.exec", &["argv", "stdin", "timeout", "env"])?;
    let argv = argv(what)?;
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

fn variables(env: &Table) -> Result<Vec<(OsString, OsString)>> {
    let bad = || Error::runtime("mailferry.exec: env has a name or a value that cannot be");
    let (mut variables, mut room) = (Vec::new(), MOST_OCTETS);
    for pair in env.pairs::<LuaString, LuaString>() {
        let (name, value) = pair?;
        let (name, value) = (name.as_bytes(), value.as_bytes());
        let octets = name.len() + value.len();
        room = room.checked_sub(octets).ok_or_else(bad)?;
        let odd = name.contains(&b'=') || name.contains(&0) || value.contains(&0);
        if odd || name.is_empty() || variables.len() >= MOST_VARIABLES {
            return Err(bad());
        }
        let own = |octets: &[u8]| OsString::from_vec(octets.to_vec());
        variables.push((own(&name), own(&value)));
    }
    Ok(variables)
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
