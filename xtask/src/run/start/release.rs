//! Puts a bad release in the place of the service, and the one before back: with the image that runs, as an operator would.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::Started;
use super::compose::Project;
use crate::containers::engine;
use crate::context::Context;
use crate::run::said;

/// What is wrong with a release, as the checks call it, and the change to the image that makes it so.
const FLAWS: [(&str, &str); 2] = [("ends", "CMD [\"no-such-command\"]"), ("deaf", "ENV PORT=8081")];

impl Started {
    /// Whether another release can be put in its place.
    pub(crate) fn takes_releases(&self) -> bool {
        self.project.is_some()
    }

    /// Puts a release with a flaw in its place: `ends` does not start, `deaf` does, and listens elsewhere.
    pub(crate) fn release(&mut self, context: &Context, flaw: &str) -> Result<()> {
        let Some((_, change)) = FLAWS.iter().find(|(name, _)| *name == flaw) else {
            bail!("no release is known that `{flaw}`");
        };
        // Who follows the log would follow the bad release's, and later the other one's a second time.
        self.process.kill()?;
        self.project()?.release(context, flaw, change)
    }

    /// Puts the release back that it was started with.
    pub(crate) fn roll_back(&mut self, context: &Context) -> Result<()> {
        let begun = Context::now();
        let project = self.project()?;
        project.roll_back(context)?;
        self.process = project.follow(&self.log, &begun)?;
        self.project()?.remove_releases()
    }

    fn project(&self) -> Result<&Project> {
        self.project.as_ref().context("only images are released here")
    }
}

impl Project {
    /// What all bad releases are called, as the engine's filter understands it.
    fn releases(&self) -> String {
        format!("{}-release:*", self.image)
    }

    fn release(&self, context: &Context, flaw: &str, change: &str) -> Result<()> {
        let tag = self.releases().replace('*', flaw);
        // Of the image alone: a running container has secrets among its variables.
        let mut create = self.engine.docker();
        create.args(["create", "--label", &self.label()]);
        // Compose builds its own labels into the image, and would take the container for one of the service's.
        create.args(["--label", "com.docker.compose.project="]);
        create.args(["--label", "com.docker.compose.service=", &self.image]);
        let container = engine::must(context, create, "make a container of the image")?;
        let container = container.stdout.trim();
        let mut commit = self.engine.docker();
        commit.args(["commit", "--change", change, container, &tag]);
        let committed = engine::must(context, commit, "make a release of the image");
        let mut remove = self.engine.docker();
        remove.args(["rm", container]);
        engine::finish(remove, "remove the container")?;
        committed?;
        let mut command = self.replace();
        command.env("IMAGE", &tag);
        // A release that does not become healthy is what was asked for; one that is not there is not.
        let said = said::call(context, &mut command, None)?;
        let why = || format!("the release `{tag}` is not in place: {}", said.last_lines(5));
        self.runs(context, &tag).with_context(why)
    }

    fn roll_back(&self, context: &Context) -> Result<()> {
        // One that does not become healthy again is what a check must see; one that is not there is not.
        let said = said::call(context, &mut self.replace(), None)?;
        let why = || format!("the release of before is not in place: {}", said.last_lines(5));
        self.runs(context, &self.image).with_context(why)
    }

    /// Every instance there is has this image.
    fn runs(&self, context: &Context, image: &str) -> Result<()> {
        let look = |words: &[&str]| -> Result<BTreeSet<String>> {
            let mut inspect = self.engine.docker();
            inspect.args(words);
            let said = engine::must(context, inspect, "look at images")?.stdout;
            Ok(said.split_whitespace().map(str::to_owned).collect())
        };
        let wanted = look(&["image", "inspect", "--format", "{{.Id}}", image])?;
        let list = self.compose(&["ps", "--all", "--quiet", "app"]);
        let ids = engine::must(context, list, "list the instances")?.stdout;
        let mut words = vec!["inspect", "--format", "{{.Image}}"];
        words.extend(ids.split_whitespace());
        let found = if words.len() > 3 { look(&words)? } else { BTreeSet::new() };
        if found != wanted {
            bail!("the instances have {found:?}, and `{image}` is {wanted:?}");
        }
        Ok(())
    }

    /// Replaces the instances by those of the image that is named, and waits until they are healthy. What they depend on
    /// stays as it is, migrations too.
    fn replace(&self) -> Command {
        let words =
            ["up", "--detach", "--no-build", "--no-deps", "--wait", "--wait-timeout=60", "app"];
        self.compose(&words)
    }

    /// Removes the bad releases; who uses one keeps it.
    pub(super) fn remove_releases(&self) -> Result<()> {
        let mut list = self.engine.docker();
        list.args(["images", "--quiet", "--filter"]).arg(format!("reference={}", self.releases()));
        let found = engine::finish(list, "list the releases")?;
        if found.trim().is_empty() {
            return Ok(());
        }
        let mut remove = self.engine.docker();
        remove.args(["image", "rm", "--force"]).args(found.split_whitespace());
        engine::finish(remove, "remove the releases").map(drop)
    }
}
