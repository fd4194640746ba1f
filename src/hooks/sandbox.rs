//! A Lua state without the world, with a limit for memory and a deadline.

use std::sync::Arc;

use mlua::{
    HookTriggers, Lua, LuaOptions, MultiValue, Result, StdLib, Value, VmState, chunk::ChunkMode,
};

use super::clock::Clock;
use super::describe;

/// How many instructions pass between two looks at the clock: some ten microseconds.
const STEP: u32 = 1_000;
/// What a state takes before any script.
const ITSELF: usize = 256 * 1024;

/// The most octets of a line for the log that are looked at.
const LONGEST: usize = 4096;

/// What a script that took too long fails with.
pub(super) const OVER: &str = "took too long";

/// A new state. `note` gets what `print` is given; `file` is what the script is called.
pub(super) fn state(
    memory: usize,
    clock: &Arc<Clock>,
    file: &str,
    note: impl Fn(String) + 'static,
) -> Result<Lua> {
    let libraries =
        StdLib::COROUTINE | StdLib::TABLE | StdLib::STRING | StdLib::UTF8 | StdLib::MATH;
    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    lua.set_memory_limit(memory.saturating_add(ITSELF))?;
    let check = {
        let (clock, file) = (Arc::clone(clock), file.to_owned());
        lua.create_function(move |lua, results: MultiValue| checked(lua, &clock, &file, results))?
    };
    let note = lua.create_function(move |_, values: MultiValue| {
        note(joined(&values));
        Ok(())
    })?;
    lua.load(include_str!("sandbox/prelude.lua"))
        .set_name("=prelude")
        .set_mode(ChunkMode::Text)
        .call::<()>((check, note))?;
    let clock = Arc::clone(clock);
    let triggers = HookTriggers::new().every_nth_instruction(STEP);
    lua.set_global_hook(triggers, move |_, debug| {
        if !clock.is_over() {
            return Ok(VmState::Continue);
        }
        let place = match (debug.source().short_src, debug.current_line()) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            _ => String::new(),
        };
        Err(mlua::Error::RuntimeError(format!("{place}{OVER}")))
    })?;
    Ok(lua)
}

/// What a protected call returned; an error when time is up, and text in place of errors of ours.
fn checked(lua: &Lua, clock: &Clock, file: &str, results: MultiValue) -> Result<MultiValue> {
    if clock.is_over() {
        return Err(mlua::Error::RuntimeError(OVER.to_owned()));
    }
    let mut results = results.into_vec();
    if let Some(Value::Error(error)) = results.get(1) {
        let text = lua.create_string(describe::error(error, file))?;
        if let Some(place) = results.get_mut(1) {
            *place = Value::String(text);
        }
    }
    Ok(MultiValue::from_vec(results))
}

/// Texts as `print` shows them; octets that are no text are replaced. No more is copied than is shown.
fn joined(texts: &MultiValue) -> String {
    let mut line = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            line.push(b' ');
        }
        if let Value::String(text) = text {
            let octets = text.as_bytes();
            let room = LONGEST.saturating_sub(line.len());
            line.extend_from_slice(octets.get(..room).unwrap_or(&octets));
        }
        if line.len() >= LONGEST {
            break;
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}
