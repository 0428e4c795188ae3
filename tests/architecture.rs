//! The sentences about the architecture, held against what each file of `src/` names: `use` lines and paths in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A part of `src/`, and what it may name beside itself. A path stands for all that is below it.
struct Part {
    /// The folder or the file, as a path of modules.
    name: &'static str,
    /// What it may name.
    may: &'static [&'static str],
    /// The sentence that its line of the table holds.
    sentence: &'static str,
}

const fn part(name: &'static str, may: &'static [&'static str], sentence: &'static str) -> Part {
    Part { name, may, sentence }
}

/// Every part, in the order in which data flows. A part may name what stands before it, unless a sentence forbids that.
const PARTS: &[Part] = &[
    part("atomic_write", &[], "writing a file whole is no matter of the domain"),
    part("terms", &[], "the words of the domain name nothing else"),
    part("scenario", &["terms"], "the file format names nothing that acts on it"),
    part("mock_server", &["scenario", "terms"], "the mock server is a pure state machine over the script"),
    part("wire", &["mock_server", "scenario", "terms"], "encodings name no socket, no subject and no rule"),
    part("engine", &[], "the engine names no scenario and no subject"),
    part(
        "observation",
        &["engine::trace", "mock_server", "terms"],
        "an observation names no subject and no rule",
    ),
    part(
        "subject",
        &["engine::kernel", "engine::system", "engine::trace", "mock_server", "observation", "terms"],
        "a subject names of the engine only kernel, system and trace, and no scenario",
    ),
    part(
        "harness",
        &["engine", "mock_server", "observation", "scenario", "subject", "terms", "wire"],
        "the harness acts a scenario on a subject; only it and cli name a subject",
    ),
    part(
        "rules",
        &["engine::locks::lock_cycles", "observation", "scenario", "terms"],
        "rules read observations and name no subject",
    ),
    part("snapshot", &["atomic_write", "observation", "scenario", "terms"], "snapshots name no engine"),
    part(
        "explore",
        &["engine", "harness", "observation", "rules", "scenario", "snapshot", "terms"],
        "exploring names no subject: the harness sets it up",
    ),
    part(
        "report",
        &[
            "engine::execution",
            "engine::locks",
            "engine::trace",
            "explore",
            "observation",
            "rules",
            "scenario",
            "snapshot",
            "terms",
        ],
        "a report is made of what was found",
    ),
    part(
        "import",
        &["mock_server", "observation", "scenario", "terms", "wire"],
        "an import reads a transcript, whoever wrote it",
    ),
    part(
        "verify",
        &["import", "observation", "rules", "scenario", "snapshot", "terms", "wire"],
        "verify holds a transcript against rules and outcomes, and opens no socket",
    ),
    part(
        "live",
        &["scenario", "terms", "wire"],
        "what opens sockets and pipes knows only what goes over them",
    ),
    part("cli", &[""], "the command line may name all"),
];

/// Which parts may name a crate.
const CRATES: &[(&str, &[&str])] = &[
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("corosensei", &["engine"]),
    ("ctrlc", &["cli"]),
    ("httparse", &["live"]),
    ("indicatif", &["cli"]),
    ("loom", &["engine"]),
    ("miette", &["scenario"]),
    ("tokio", &["live"]),
];

/// What is not yet as the table says, each with the reason. A line that is no longer needed is an error.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// The circles of files that mirror the Python, and that of the engine with the task that runs on it.
const CIRCLES: &[&[&str]] = &[
    &[
        "subject::model::asyncio::event_loop",
        "subject::model::asyncio::future",
        "subject::model::asyncio::task",
    ],
    &["subject::model::acp_agent", "subject::model::conversation", "subject::model::llm_agent"],
    &["engine::kernel::engine", "engine::kernel::logical_task"],
];

/// What a file names, and on which line.
#[derive(Debug, Clone)]
struct Named {
    /// From the crate's root, if `inside`; else it begins with another crate.
    path: Vec<String>,
    inside: bool,
    line: usize,
    /// The name that a `use` makes of it; `*` for all that it holds.
    known_as: Option<String>,
    /// Whether that is a `pub use`, which gives it on.
    is_given_on: bool,
}

#[derive(Debug)]
struct File {
    /// Its place, from the project's root.
    shown: String,
    text: String,
    names: Vec<Named>,
    items: BTreeSet<String>,
    words: BTreeSet<String>,
}

type Module = Vec<String>;
type Files = BTreeMap<Module, File>;

/// The files of `src/` by the module that they are, without those that hold only tests.
static FILES: LazyLock<Files> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join("src"), &mut paths);
    let read = |path: &PathBuf| {
        let shown = path.strip_prefix(root).expect("it is below the root").display().to_string();
        let text = fs::read_to_string(path).expect("a file of the project can be read");
        let mut reader = Reader::default();
        reader.read(TokenStream::from_str(&text).expect("a file of the project is Rust"));
        (module_of(&shown), shown, text, reader)
    };
    let read: Vec<_> = paths.iter().map(read).collect();
    let modules: BTreeSet<Module> = read.iter().map(|(module, ..)| module.clone()).collect();
    let for_tests: BTreeSet<Module> = read
        .iter()
        .flat_map(|(module, _, _, reader)| reader.for_tests.iter().map(|name| below(module, name)))
        .collect();
    let mut files = Files::new();
    for (module, shown, text, reader) in read {
        if (1..=module.len()).any(|end| for_tests.contains(&module[..end])) {
            continue;
        }
        let names = reader.names.into_iter().map(|named| absolute(&modules, &module, named)).collect();
        files.insert(module, File { shown, text, names, items: reader.items, words: reader.words });
    }
    files
});

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of the project can be read");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("main.rs") {
            found.push(path);
        }
    }
}

/// `src/engine/mod.rs` is `engine`, and `src/lib.rs` the root.
fn module_of(shown: &str) -> Module {
    let names = shown.trim_start_matches("src/").trim_end_matches(".rs").split('/');
    names.filter(|name| !matches!(*name, "mod" | "lib")).map(str::to_owned).collect()
}

fn below(module: &[String], name: &str) -> Module {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// What a path means that stands in this module.
fn absolute(modules: &BTreeSet<Module>, module: &[String], mut named: Named) -> Named {
    let first = named.path[0].as_str();
    named.inside = true;
    match first {
        "crate" | "turnloom" => drop(named.path.remove(0)),
        "self" => drop(named.path.splice(..1, module.iter().cloned())),
        "super" => {
            let ups = named.path.iter().take_while(|name| *name == "super").count();
            named.path.splice(..ups, module[..module.len().saturating_sub(ups)].iter().cloned());
        }
        _ if modules.contains(&below(module, first)) => drop(named.path.splice(..0, module.iter().cloned())),
        _ => named.inside = false,
    }
    named
}

/// What it names in its tokens. Tests in the file do not count.
#[derive(Default)]
struct Reader {
    names: Vec<Named>,
    items: BTreeSet<String>,
    /// Every word outside of `use` lines.
    words: BTreeSet<String>,
    /// The modules that are declared for tests alone.
    for_tests: Vec<String>,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Punct(punct) if punct.as_char() == '#' && is_for_tests(tokens.get(at + 1)) => {
                    self.skip_item(&tokens, at + 2)
                }
                TokenTree::Ident(word) if word == "use" => self.take_use(&tokens, at),
                TokenTree::Ident(_) => self.take_path(&tokens, at),
                TokenTree::Group(group) => {
                    self.read(group.stream());
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Steps over an item that only tests have.
    fn skip_item(&mut self, tokens: &[TokenTree], from: usize) -> usize {
        let ends = |token: &TokenTree| match token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        let end = tokens[from..].iter().position(ends).map_or(tokens.len(), |place| from + place + 1);
        let mut words = tokens[from..end].iter().map(ToString::to_string).skip_while(|word| word != "mod");
        self.for_tests.extend(words.nth(1));
        end
    }

    fn take_use(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let is_end = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
        let end = tokens[at..].iter().position(is_end).map_or(tokens.len(), |place| at + place);
        let before = tokens[..at].iter().rev().find(|token| !matches!(token, TokenTree::Group(_)));
        let is_public = before.is_some_and(|token| token.to_string() == "pub");
        self.take_tree(&[], &tokens[at + 1..end], is_public);
        end
    }

    /// Takes a tree of a `use` line apart.
    fn take_tree(&mut self, prefix: &[String], tree: &[TokenTree], is_public: bool) {
        let mut path = prefix.to_vec();
        let mut given = None;
        let mut tokens = tree.iter().peekable();
        let mut line = None;
        while let Some(token) = tokens.next() {
            line.get_or_insert(token.span().start().line);
            match token {
                TokenTree::Ident(word) if word == "as" => given = tokens.next().map(ToString::to_string),
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == '*' => given = Some("*".to_owned()),
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
                    for tree in inner.split(is_comma).filter(|tree| !tree.is_empty()) {
                        self.take_tree(&path, tree, is_public);
                    }
                    return;
                }
                _ => {}
            }
        }
        if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
            path.pop();
        }
        let given = given.or_else(|| path.last().cloned());
        let line = line.expect("a tree is not empty");
        self.names.push(Named { path, inside: true, line, known_as: given, is_given_on: is_public });
    }

    /// Takes the path that begins here, if it is one, and the name of an item that is declared here.
    fn take_path(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let line = tokens[at].span().start().line;
        let word = tokens[at].to_string();
        let declares = ["struct", "enum", "trait", "type", "fn", "const", "static", "macro_rules"];
        if declares.contains(&word.as_str())
            && let Some(TokenTree::Ident(name)) = tokens.get(at + 1)
        {
            self.items.insert(name.to_string());
        }
        let mut path = vec![word];
        let mut at = at + 1;
        while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(name), ..] = &tokens[at..]
            && (one.as_char(), two.as_char()) == (':', ':')
        {
            path.push(name.to_string());
            at += 3;
        }
        self.words.insert(path[0].clone());
        if path.len() > 1 {
            self.names.push(Named { path, inside: true, line, known_as: None, is_given_on: false });
        }
        at
    }
}

fn is_for_tests(attribute: Option<&TokenTree>) -> bool {
    let text = attribute.map(ToString::to_string).unwrap_or_default();
    text.chars().filter(|char| !char.is_whitespace()).collect::<String>() == "[cfg(test)]"
}

/// The table's line for a module: the longest name that stands for it.
fn part_of(module: &[String]) -> Option<&'static Part> {
    PARTS.iter().find(|part| module.first().is_some_and(|first| first == part.name))
}

/// Whether `path` is `name` or below it.
fn is_below(path: &[String], name: &str) -> bool {
    name.is_empty() || path.join("::") == name || path.join("::").starts_with(&format!("{name}::"))
}

/// Where what a path names is written down, through every `pub use` on the way.
fn home(files: &Files, path: &[String]) -> Module {
    let end = (0..=path.len()).rev().find(|&end| files.contains_key(&path[..end])).unwrap_or(0);
    let module = path[..end].to_vec();
    let Some(name) = path.get(end) else { return module };
    let Some(file) = files.get(&module).filter(|file| !file.items.contains(name)) else { return module };
    let given_on = |wanted: &str| {
        let wanted = wanted.to_owned();
        file.names.iter().filter(move |named| {
            named.inside && named.is_given_on && named.known_as.as_ref() == Some(&wanted)
        })
    };
    if let Some(named) = given_on(name).next() {
        return home(files, &named.path);
    }
    let through = given_on("*").map(|named| home(files, &below(&named.path, name)));
    through.into_iter().find(|found| files[found].items.contains(name)).unwrap_or(module)
}

#[test]
fn a_part_names_only_what_its_line_of_the_table_allows() {
    let files = &*FILES;
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for (module, file) in files.iter().filter(|(module, _)| !module.is_empty()) {
        let Some(part) = part_of(module) else {
            wrong.push(format!("{}: this part is in no line of PARTS: say what it may name", file.shown));
            continue;
        };
        for named in file.names.iter().filter(|named| named.inside) {
            let target = below(&home(files, &named.path), named.path.last().map_or("", String::as_str));
            // A name that another part gives on counts as that part's.
            let allowed =
                |path: &[String]| is_below(path, part.name) || part.may.iter().any(|may| is_below(path, may));
            if allowed(&named.path)
                || named.path.is_empty()
                || named.path.len() == 1 && part_of(&named.path).is_none()
            {
                continue;
            }
            let excepted = EXCEPTIONS.iter().position(|(from, to, _)| {
                is_below(module, from) && (is_below(&named.path, to) || is_below(&target, to))
            });
            match excepted {
                Some(line) => _ = used.insert(line),
                None => wrong.push(format!(
                    "{}:{}: names `{}`, but {}; `{}` may name {}",
                    file.shown,
                    named.line,
                    named.path.join("::"),
                    part.sentence,
                    part.name,
                    if part.may.is_empty() { "nothing else".to_owned() } else { part.may.join(", ") },
                )),
            }
        }
    }
    let unused = EXCEPTIONS.iter().enumerate().filter(|(line, _)| !used.contains(line));
    wrong.extend(
        unused.map(|(_, (from, to, _))| {
            format!("EXCEPTIONS: `{from}` names no `{to}` any more: remove the line")
        }),
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_crate_is_named_only_where_it_belongs() {
    let mut wrong = Vec::new();
    for (module, file) in &*FILES {
        for named in file.names.iter().filter(|named| !named.inside) {
            let Some((name, parts)) = CRATES.iter().find(|(name, _)| *name == named.path[0]) else {
                continue;
            };
            let is_module = |other: &Named| other.inside && other.known_as.as_deref() == Some(name);
            if named.known_as.is_none() && file.names.iter().any(is_module) {
                continue;
            }
            if !parts.iter().any(|part| is_below(module, part)) {
                wrong.push(format!(
                    "{}:{}: names the crate `{name}`, which only {} may name",
                    file.shown,
                    named.line,
                    parts.join(", ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_rule_matches_no_text() {
    let comparisons = [
        "== \"",
        "!= \"",
        "starts_with(\"",
        "ends_with(\"",
        "strip_prefix(\"",
        "contains(\"",
        "split_once(\"",
    ];
    let mut wrong = Vec::new();
    for (_, file) in FILES.iter().filter(|(module, _)| is_below(module, "rules")) {
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (at, line) in code.lines().enumerate() {
            let found = comparisons.iter().find(|comparison| line.contains(*comparison));
            if let Some(found) = found.filter(|_| !line.trim_start().starts_with("//")) {
                wrong.push(format!(
                    "{}:{}: compares a text (`{found}…`); a rule matches types of `observation`, so that no rename \
                     can switch it off",
                    file.shown,
                    at + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// From file to file: the first line that names something written down there.
fn arrows(files: &Files) -> BTreeMap<&Module, BTreeMap<Module, usize>> {
    let mut arrows: BTreeMap<&Module, BTreeMap<Module, usize>> = BTreeMap::new();
    for (module, file) in files {
        for named in file.names.iter().filter(|named| named.inside) {
            // What is only given on is not used here.
            if named.is_given_on && named.known_as.as_ref().is_some_and(|name| !file.words.contains(name)) {
                continue;
            }
            let to = home(files, &named.path);
            // A module and what it is made of belong together.
            let is_family = to.starts_with(module) || module.starts_with(&to);
            if !is_family {
                arrows.entry(module).or_default().entry(to).or_insert(named.line);
            }
        }
    }
    arrows
}

/// The shortest way from a file back to itself.
fn circle_through<'f>(
    arrows: &BTreeMap<&'f Module, BTreeMap<Module, usize>>,
    start: &'f Module,
) -> Option<Vec<Module>> {
    let mut paths = std::collections::VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop_front() {
        let last = path.last().expect("a path is not empty");
        for to in arrows.get(last).into_iter().flat_map(BTreeMap::keys) {
            if to == start {
                return Some(path);
            }
            if seen.insert(to.clone()) {
                paths.push_back([path.clone(), vec![to.clone()]].concat());
            }
        }
    }
    None
}

#[test]
fn files_name_each_other_in_no_circle_but_where_the_python_does() {
    let files = &*FILES;
    let arrows = arrows(files);
    let mut circles = BTreeMap::new();
    for module in files.keys() {
        let Some(circle) = circle_through(&arrows, module) else { continue };
        let mirrors = CIRCLES
            .iter()
            .any(|known| circle.iter().all(|module| known.contains(&module.join("::").as_str())));
        if mirrors {
            continue;
        }
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        let told = steps.map(|(from, to)| {
            let line = arrows[from][to];
            format!("{}:{line} names {}", files[from].shown, files[to].shown)
        });
        let set: BTreeSet<_> = circle.iter().cloned().collect();
        circles.entry(set).or_insert_with(|| told.collect::<Vec<_>>().join(", "));
    }
    let told: Vec<_> = circles.into_values().collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
}
