//! The `turnloom` command: everything is in the library.

fn main() -> std::process::ExitCode {
    turnloom::cli::main()
}
