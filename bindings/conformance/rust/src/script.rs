//! Vectors as they are read: files of scripts, scripts of steps.
//!
//! 1. A step with a field that the language does not know is refused: a misspelled `expect` must not go unnoticed.

use std::path::Path;

use serde_json::{Map, Value as Json};

/// A file of vectors.
pub struct File {
    /// What the scripts have in common.
    pub about: String,
    /// Each runs in a directory of its own.
    pub scripts: Vec<Script>,
}

/// Steps that are done one after the other.
#[derive(Clone)]
pub struct Script {
    /// Unique in its file.
    pub name: String,
    /// What is done.
    pub steps: Vec<Step>,
}

/// One call.
#[derive(Clone)]
pub struct Step {
    /// Which.
    pub op: String,
    /// The name of the handle that it is made on.
    pub on: Option<String>,
    /// What goes in.
    pub args: Map<String, Json>,
    /// The name that what comes out is kept under.
    pub save_as: Option<String>,
    /// What must come out.
    pub expect: Option<Json>,
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub fn read(path: &Path) -> Result<File, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        File::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// As for [`File::read`].
    pub fn parse(text: &str) -> Result<File, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let file = fields(&json, &["about", "scripts"])?;
        let scripts = file.get("scripts").and_then(Json::as_array).ok_or("no scripts")?;
        let scripts = scripts.iter().map(Script::from_json).collect::<Result<_, _>>()?;
        Ok(File { about: text_of(file, "about")?, scripts })
    }

    /// The file as JSON, a step to a line.
    pub fn to_text(&self) -> String {
        let scripts: Vec<String> = self.scripts.iter().map(Script::to_text).collect();
        format!("{{\"about\": {}, \"scripts\": [\n{}\n]}}\n", Json::from(self.about.clone()), scripts.join(",\n"))
    }
}

impl Script {
    fn from_json(json: &Json) -> Result<Script, String> {
        let script = fields(json, &["name", "steps"])?;
        let name = text_of(script, "name")?;
        let steps = script.get("steps").and_then(Json::as_array).ok_or_else(|| format!("{name}: no steps"))?;
        let steps = steps
            .iter()
            .enumerate()
            .map(|(at, step)| Step::from_json(step).map_err(|error| format!("{name}, step {}: {error}", at + 1)));
        Ok(Script { steps: steps.collect::<Result<_, _>>()?, name })
    }

    fn to_text(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|step| format!("    {}", step.to_json())).collect();
        format!("  {{\"name\": {}, \"steps\": [\n{}\n  ]}}", Json::from(self.name.clone()), steps.join(",\n"))
    }
}

impl Step {
    /// A step without a name for what it makes, and without an expectation.
    pub fn new(op: &str, on: Option<&str>, args: Json) -> Step {
        let args = if let Json::Object(args) = args { args } else { Map::new() };
        Step { op: op.to_string(), on: on.map(str::to_string), args, save_as: None, expect: None }
    }

    fn from_json(json: &Json) -> Result<Step, String> {
        let step = fields(json, &["op", "on", "args", "save_as", "expect"])?;
        let text = |name| step.contains_key(name).then(|| text_of(step, name)).transpose();
        let args = match step.get("args") {
            None => Map::new(),
            Some(args) => args.as_object().ok_or("args is no object")?.clone(),
        };
        Ok(Step {
            op: text_of(step, "op")?,
            on: text("on")?,
            args,
            save_as: text("save_as")?,
            expect: step.get("expect").cloned(),
        })
    }

    fn to_json(&self) -> Json {
        let mut step = Map::new();
        step.insert("op".to_string(), self.op.clone().into());
        if let Some(on) = &self.on {
            step.insert("on".to_string(), on.clone().into());
        }
        if !self.args.is_empty() {
            step.insert("args".to_string(), self.args.clone().into());
        }
        if let Some(name) = &self.save_as {
            step.insert("save_as".to_string(), name.clone().into());
        }
        if let Some(expect) = &self.expect {
            step.insert("expect".to_string(), expect.clone());
        }
        step.into()
    }
}

fn fields<'a>(json: &'a Json, known: &[&str]) -> Result<&'a Map<String, Json>, String> {
    let fields = json.as_object().ok_or("no object")?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{name:?} is none of {known:?}")),
        None => Ok(fields),
    }
}

fn text_of(fields: &Map<String, Json>, name: &str) -> Result<String, String> {
    fields.get(name).and_then(Json::as_str).map(str::to_string).ok_or_else(|| format!("no text {name:?}"))
}
