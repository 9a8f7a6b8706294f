//! Steps on stores and batches.
//!
//! 1. A `db_*` write is a batch of one call and its commit, as in the C API.

use serde_json::{Value as Json, json};
use stratum::{Batch, Db, TreeIds};

use crate::packed;
use crate::runner::{Args, Made, Thing, durability};
use crate::wire::{Call, INVALID_ARGUMENT, broken, columns, from_ids, number, text, tree, unhex, value};

/// A call on a store.
pub fn on_db(db: &Db, op: &str, args: &Args<'_>) -> Call<Made> {
    Ok(match op {
        "db_latest" => {
            db.view()?;
            Made::thing(Thing::Latest(db.clone()))
        }
        "db_snapshot" => Made::thing(Thing::Snapshot(db.clone(), db.snapshot()?)),
        "batch_create" => Made::thing(Thing::Batch(db.clone(), Box::new(db.batch()?))),
        "db_flush" => {
            db.flush()?;
            Made::default()
        }
        "db_checkpoint" => {
            db.checkpoint()?;
            Made::default()
        }
        "db_compact_now" => {
            let go_on = args.step.args.get("progress").and_then(Json::as_str) != Some("stop");
            db.compact_now(&mut |_| go_on)?;
            Made::default()
        }
        "db_stats" => Made::value(stats(db)?),
        "db_verify" => Made::value(verify(db)?),
        _ => {
            let Some(verb) = op.strip_prefix("db_") else { return broken("a store does not take that") };
            let mut batch = db.batch()?;
            let made = write(&mut batch, verb, args)?;
            batch.commit()?;
            made
        }
    })
}

fn stats(db: &Db) -> Call<Json> {
    let stats = db.stats()?;
    Ok(json!({
        "documents": number(stats.documents),
        "nodes": number(stats.nodes),
        "snapshots": number(stats.snapshots),
        "commits": number(stats.commits),
        "sequence": number(stats.sequence),
        "poisoned": stats.poisoned,
    }))
}

fn verify(db: &Db) -> Call<Json> {
    let report = db.verify()?;
    Ok(json!({
        "documents": number(report.documents),
        "inputs": number(report.inputs),
        "outputs": number(report.outputs),
        "damage": number(report.damage.len() as u64),
    }))
}

/// A call on a batch.
pub fn on_batch(batch: &mut Batch, op: &str, args: &Args<'_>) -> Call<Made> {
    match op {
        "batch_clear" => {
            batch.clear();
            Ok(Made::default())
        }
        "batch_size" => Ok(Made::value(json!({
            "operations": number(batch.len() as u64),
            "bytes": number(batch.bytes()),
        }))),
        _ => match op.strip_prefix("batch_") {
            Some(verb) => write(batch, verb, args),
            None => broken("a batch does not take that"),
        },
    }
}

/// Commits a batch.
pub fn commit(batch: Batch, args: &Args<'_>) -> Call<Made> {
    let sequence = match args.step.args.get("durability").map(text).transpose()? {
        None => batch.commit()?,
        Some(word) => batch.commit_with(durability(word).ok_or(INVALID_ARGUMENT)?)?,
    };
    Ok(Made::value(number(sequence)))
}

fn made_tree(ids: TreeIds) -> Made {
    let first = ids.first_input.map_or(0, |id| id.get());
    Made { value: Some(from_ids(&ids)), ids: vec![("", ids.document.get()), (".input", first)], thing: None }
}

/// A write.
fn write(batch: &mut Batch, verb: &str, args: &Args<'_>) -> Call<Made> {
    let content = || value(args.get("value")?);
    match verb {
        "create_document" => {
            let blob = args.step.args.get("blob").map(unhex).transpose()?.unwrap_or_default();
            let id = batch.create_document(&blob, &columns(args.step.args.get("columns"))?)?;
            return Ok(Made::id(id.get()));
        }
        "put_tree" => return Ok(made_tree(batch.put_tree(&tree(args.get("tree")?)?)?)),
        "replace_tree" => {
            let tree = tree(args.get("tree")?)?;
            return Ok(made_tree(batch.replace_tree(args.document()?, &tree)?));
        }
        "put_packed" => return Ok(made_tree(batch.put_packed(&args.packed)?)),
        "replace_packed" => return Ok(made_tree(batch.replace_packed(args.document()?, &args.packed)?)),
        "append_input" => return Ok(Made::id(batch.append_input(args.document()?, &content()?)?.get())),
        "insert_input" => {
            let id = batch.insert_input(args.document()?, args.input("before")?, &content()?)?;
            return Ok(Made::id(id.get()));
        }
        "apply_packed" => {
            let ids = packed::apply(batch, &unhex(args.get("operations")?)?)?;
            return Ok(Made::value(ids.into_iter().map(number).collect()));
        }
        "set_blob" => batch.set_blob(args.document()?, &unhex(args.get("blob")?)?)?,
        "set_column" => batch.set_column(args.document()?, args.text("name")?, &content()?)?,
        "remove_column" => batch.remove_column(args.document()?, args.text("name")?)?,
        "delete_document" => batch.delete_document(args.document()?)?,
        "move_input" => {
            let before = if args.id("before")? == 0 { None } else { Some(args.input("before")?) };
            batch.move_input(args.document()?, args.input("input")?, before)?;
        }
        "replace_input" => batch.replace_input(args.document()?, args.input("input")?, &content()?)?,
        "set_input_column" => {
            batch.set_input_column(args.document()?, args.input("input")?, args.text("name")?, &content()?)?;
        }
        "remove_input_column" => {
            batch.remove_input_column(args.document()?, args.input("input")?, args.text("name")?)?;
        }
        "delete_input" => batch.delete_input(args.document()?, args.input("input")?)?,
        "set_output" => batch.set_output(args.document()?, args.input("input")?, &content()?)?,
        "update_output" => batch.update_output(args.document()?, args.input("input")?, &content()?)?,
        "delete_output" => batch.delete_output(args.document()?, args.input("input")?)?,
        other => return broken(format!("{other:?} is no write")),
    }
    Ok(Made::default())
}
