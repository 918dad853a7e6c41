//! The runner of property tests.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Returns a runner with this number of cases, the same ones on each run, so that a failure is about the
/// change that is tested. If `PROPTEST_CASES` is set, runs that many random cases.
pub(crate) fn property_runner(cases: u32) -> TestRunner {
    let config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return TestRunner::new(config);
    }
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(Config { cases, ..config }, random)
}
