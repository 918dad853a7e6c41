//! Examples without flags: the complete output of each.

use crate::support::example::run;

#[test]
fn handle_errors_shows_every_kind_of_failure() {
    insta::assert_snapshot!(run("handle_errors", &[]).snapshot(None));
}

#[test]
fn own_store_registers_once() {
    insta::assert_snapshot!(run("own_store", &[]).snapshot(None));
}
