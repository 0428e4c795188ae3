//! Reports that turnloom got wrong once, each under the name of its file in `tests/reports/`.

mod trust;
