//! Prints the tables of the definition language as one JSON document: `cargo xtask schema` writes it for the designer.
#![allow(clippy::print_stdout)] // A program that prints.

fn main() {
    print!("{}", hookmill_definition::language::document());
}
