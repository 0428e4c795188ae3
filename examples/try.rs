use turnloom::explore::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args[1] == "loom-child" { turnloom::explore::loom::child().unwrap(); return; }
    let text = std::fs::read_to_string(&args[1]).unwrap();
    let scenario: turnloom::scenario::Scenario = serde_json::from_str(&text).unwrap();
    let observe = scenario.observe.clone();
    let name = std::path::Path::new(&args[1]).file_stem().unwrap().to_string_lossy().into_owned();
    let loom = args.iter().any(|a| a == "loom");
    let p = args.iter().find_map(|a| a.strip_prefix("p=")).map(|p| p.parse().unwrap());
    let defects = args[2..].iter().filter(|a| *a != "loom" && !a.starts_with("p=")).cloned().collect();
    let job = Job { name, scenario, revision: None, defects };
    let options = Options { engine: if loom { EngineKind::Loom } else { EngineKind::Turnloom }, preemptions: p, first_violation: false };
    match explore(&job, &options, &mut |_, _| ()) {
        Err(e) => println!("ERROR {e}"),
        Ok(x) => {
            println!("{:?} outcomes {} {:?}", x.verdict, x.outcomes.len(), x.statistics);
            if args.len() < 4 { println!("{}", turnloom::snapshot::render(x.outcomes.keys(), &x.lock_order, &observe)); }
            for o in x.outcomes.values().filter(|o| !o.violations.is_empty()) { for v in &o.violations { println!("  {}: {}  {:?}", v.rule, v.message, o.token); } }
            for v in x.lock_violations { println!("  {}: {}", v.rule, v.message); }
        }
    }
}
