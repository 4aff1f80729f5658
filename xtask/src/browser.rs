//! The browser tests in `end2end/`, on the system's Chromium.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

use crate::tools;

/// Builds the product and runs the browser tests against it. Playwright's own lines go through; then
/// `e2e: N passed, N failed` stands on a line of its own.
pub fn test(args: &[OsString]) -> Result<()> {
    let browser = Browser::ready()?;
    let report = browser.directory.join("test-results/report.json");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let outcome = tools::run(browser.playwright().args(args));
    let counts = browser.counts(&report);
    if let Ok((passed, failed)) = &counts {
        println!("e2e: {passed} passed, {failed} failed");
    }
    outcome?;
    ensure!(counts?.0 > 0, "not one browser test passed");
    Ok(())
}

/// Takes the README's screenshots into `docs/images/`.
pub fn screenshots() -> Result<()> {
    let images = tools::root().join("docs/images");
    fs::create_dir_all(&images)?;
    let browser = Browser::ready()?;
    tools::run(browser.playwright().arg("--project=screenshots").env("SIMONE_SCREENSHOTS", images))
}

/// All that a run of Playwright needs, found and installed.
struct Browser {
    directory: PathBuf,
    chromium: PathBuf,
    product: PathBuf,
}

impl Browser {
    fn ready() -> Result<Self> {
        tools::run(tools::cargo().arg("build"))?;
        let product = tools::binaries()?.join("simone");
        ensure!(product.is_file(), "`cargo build` made no {}", product.display());

        let directory = tools::root().join("end2end");
        tools::find_or_install("Node.js 20 or later with npm", &["nodejs", "npm"], node)?;
        install_packages(&directory)?;
        let chromium = match env::var_os("SIMONE_CHROMIUM") {
            Some(told) => PathBuf::from(told),
            None => tools::find_or_install("Chromium", &["chromium", "fonts-liberation"], || {
                tools::on_path(&["chromium", "chromium-browser", "google-chrome"])
            })?,
        };
        if !chromium.is_file() {
            bail!("SIMONE_CHROMIUM names {}, which is not there", chromium.display());
        }
        Ok(Self { directory, chromium, product })
    }

    fn playwright(&self) -> Command {
        let mut playwright = Command::new(self.directory.join("node_modules/.bin/playwright"));
        playwright.arg("test").current_dir(&self.directory);
        playwright.env("SIMONE_CHROMIUM", &self.chromium).env("SIMONE_BINARY", &self.product);
        playwright
    }

    /// How many tests passed and failed, from the report of Playwright's JSON reporter.
    fn counts(&self, report: &Path) -> Result<(u32, u32)> {
        let script = "const { stats } = JSON.parse(fs.readFileSync(process.argv[1])); \
                      `${stats.expected + stats.flaky} ${stats.unexpected}`";
        let said = tools::read(Command::new("node").args(["-p", script]).arg(report))
            .context("Playwright left no report that can be read")?;
        let (passed, failed) = said.split_once(' ').context("two numbers were expected")?;
        Ok((passed.parse()?, failed.parse()?))
    }
}

fn node() -> Option<()> {
    let version = tools::read(Command::new("node").arg("--version")).ok()?;
    let major: u32 = version.strip_prefix('v')?.split('.').next()?.parse().ok()?;
    (major >= 20 && tools::on_path(&["npm"]).is_some()).then_some(())
}

/// `npm ci`, when the lock file is not the one that was installed last.
fn install_packages(directory: &Path) -> Result<()> {
    let wanted = fs::read(directory.join("package-lock.json")).context("end2end/package-lock.json")?;
    let installed = directory.join("node_modules/.installed-package-lock.json");
    if fs::read(&installed).is_ok_and(|it| it == wanted) {
        return Ok(());
    }
    // The system's browser is used, so none is fetched.
    let mut npm = Command::new("npm");
    npm.arg("ci").current_dir(directory).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    tools::run(&mut npm)?;
    fs::write(&installed, wanted)?;
    Ok(())
}
