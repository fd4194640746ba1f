//! `mailferry.now()` and `mailferry.date()`: the clock, as there is no `os`.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use mlua::{Error, Lua, Result, Table};

pub(super) fn install(lua: &Lua, table: &Table) -> Result<()> {
    let now = |_: &Lua, ()| Ok(Timestamp::now().as_second());
    table.set("now", lua.create_function(now)?)?;
    table.set("date", lua.create_function(date)?)
}

/// A moment (default: now) as a table in local time; `wday` is 1 on Mondays.
fn date(lua: &Lua, at: Option<i64>) -> Result<Table> {
    let moment = match at {
        None => Zoned::now(),
        Some(at) => Timestamp::from_second(at)
            .map_err(|_| Error::runtime("there is no such date"))?
            .to_zoned(TimeZone::system()),
    };
    let table = lua.create_table()?;
    table.set("year", moment.year())?;
    table.set("month", moment.month())?;
    table.set("day", moment.day())?;
    table.set("hour", moment.hour())?;
    table.set("min", moment.minute())?;
    table.set("sec", moment.second())?;
    table.set("wday", moment.weekday().to_monday_one_offset())?;
    Ok(table)
}
