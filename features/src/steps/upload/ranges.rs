//! Files that are fetched in parts, and again: ranges, validators and conditions (RFC 9110, sections 13 and 14).

use cucumber::step::Collection;

use super::{ORDINARY, download_path, request, taking};
use crate::accounts::Account;
use crate::exchange::{Answer, Request};
use crate::failure::{Failure, Findings, Seen, require};
use crate::generate::file;
use crate::steps::{Arguments, steps};
use crate::world::World;

/// Before any file was made.
const LONG_AGO: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

pub(super) fn steps(collection: Collection<World>) -> Collection<World> {
    steps! { collection;
        then "the ranges of a file put together are the file, each told as what it is" => together;
        then "a range that the file does not have is refused, with how long the file is" => beyond;
        then "what is no range of bytes is ignored" => ignored;
        then "who has the file is told so without the file" => same;
        then "who means another file than the one that is there is refused" => another;
        then "a range of another file than the one that is there is answered with the whole" => changed;
        then "nobody on the way may keep a file, and browsers save or show it as declared" => private;
        then "the head of a file says what the file is, without it" => head;
    }
}

/// A file that was taken, and where it is fetched.
struct Kept {
    route: String,
    path: String,
    bytes: Vec<u8>,
    who: Account,
    etag: String,
    modified: Option<String>,
    /// Whether browsers show it or save it.
    disposition: &'static str,
}

impl Kept {
    async fn ask(
        &self,
        world: &World,
        method: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Failure> {
        let mut asked = Request::new(method, self.path.as_str()).headers(&[self.who.bearer()]);
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        world.send(asked).await
    }

    async fn get(&self, world: &World, headers: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(world, "GET", headers).await
    }

    /// The whole file, and nothing that says that it is a part.
    fn whole(&self, answer: &Answer) -> Result<(), Failure> {
        let right = answer.status == 200 && answer.body == self.bytes;
        require(right, || "must be the whole file with 200".to_owned(), answer)?;
        let part = answer.header("content-range").is_some();
        require(!part, || "must not have `Content-Range`".to_owned(), answer)
    }

    /// The part from here to there, the last one included.
    fn part(&self, answer: &Answer, first: usize, last: usize) -> Result<(), Failure> {
        let told = format!("bytes {first}-{last}/{}", self.bytes.len());
        let right = answer.status == 206 && answer.header("content-range") == Some(&told);
        require(right, || format!("must be 206 with `Content-Range: {told}`"), answer)?;
        let tagged = answer.header("etag") == Some(&self.etag);
        require(tagged, || "must have the entity tag of the whole".to_owned(), answer)?;
        let right = answer.body == self.bytes[first..=last];
        require(right, || "must be that part of the file".to_owned(), answer)
    }
}

/// A file of each route whose files can be fetched, with its validators.
async fn kept(world: &World) -> Result<Vec<Kept>, Failure> {
    let user = world.user("user")?.clone();
    let mut kept = Vec::new();
    for taking in taking(world)? {
        let most = usize::try_from(taking.upload.max_size.get()).unwrap_or(usize::MAX);
        let of = |kind: &String| Some((kind.clone(), file::of_kind(kind, ORDINARY.min(most))?));
        let Some((kind, bytes)) = taking.upload.accept.iter().find_map(of) else { continue };
        let asked = request(world, &taking, &user, Some(&kind), bytes.clone())?;
        let answer = world.send(asked).await?;
        let id = answer.at("/id").unwrap_or_default();
        let taken = answer.status == taking.status;
        require(taken, || "must be taken".to_owned(), &answer)?;
        let Some(path) = download_path(&taking, &id) else { continue };
        let asked = Request::get(path.as_str()).headers(&[user.bearer()]);
        let answer = world.send(asked).await?;
        let etag = answer.header("etag").unwrap_or_default().to_owned();
        let strong = etag.len() > 2 && etag.starts_with('"') && etag.ends_with('"');
        require(strong, || "must have a strong entity tag".to_owned(), &answer)?;
        let ranges = answer.header("accept-ranges") == Some("bytes");
        require(ranges, || "must say `Accept-Ranges: bytes`".to_owned(), &answer)?;
        let modified = answer.header("last-modified").map(str::to_owned);
        let who = user.clone();
        let (route, disposition) = (taking.key.to_string(), taking.disposition.name());
        let one = Kept { route, path, bytes, who, etag, modified, disposition };
        one.whole(&answer)?;
        kept.push(one);
    }
    if kept.is_empty() {
        return Err(Failure::not_applicable("no route gives back what somebody sent"));
    }
    Ok(kept)
}

async fn together(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        let (size, mut got) = (file.bytes.len(), Vec::new());
        let mut result = Ok(());
        // The last one is asked for as what is left, and goes beyond the end.
        for (first, last) in [(0, 0), (1, size / 3), (size / 3 + 1, size + 7)] {
            let answer = file.get(world, &[("Range", &format!("bytes={first}-{last}"))]).await?;
            result = result.and_then(|()| file.part(&answer, first, last.min(size - 1)));
            got.extend_from_slice(&answer.body);
        }
        if result.is_ok() && got != file.bytes {
            result = Err(Failure::Wrong("the parts together are not the file".to_owned()));
        }
        findings.add(&file.route, result)?;
        // The last bytes of which there are fewer are the whole (RFC 9110, section 14.1.2).
        for (said, first) in [
            (format!("bytes={}-", size - 5), size - 5),
            ("bytes=-9".to_owned(), size - 9),
            (format!("bytes=-{}", size + 7), 0),
        ] {
            let answer = file.get(world, &[("Range", &said)]).await?;
            findings.add(&said, file.part(&answer, first, size - 1))?;
        }
    }
    findings.finish("no file is given back", |count| format!("{count} ranges were right"))
}

async fn beyond(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        let size = file.bytes.len();
        for said in
            [format!("bytes={size}-"), format!("bytes={size}-{}", size + 9), "bytes=-0".to_owned()]
        {
            let answer = file.get(world, &[("Range", &said)]).await?;
            let told = format!("bytes */{size}");
            let right = answer.status == 416
                && answer.is_problem()
                && answer.header("content-range") == Some(&told);
            let what = || format!("must be a problem with 416 and `Content-Range: {told}`");
            findings.add(&said, require(right, what, &answer))?;
        }
    }
    findings.finish("no file is given back", |count| format!("{count} ranges were refused"))
}

async fn ignored(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        for said in
            ["bytes=5-2", "bytes=a-b", "bytes=", "bytes", "items=0-1", "bytes=--1", "bytes=+1-2"]
        {
            let answer = file.get(world, &[("Range", said)]).await?;
            findings.add(said, file.whole(&answer))?;
        }
    }
    findings.finish("no file is given back", |count| format!("{count} were ignored"))
}

async fn same(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        // Without it, nobody who knows dates alone can ask (RFC 9110, section 8.8.2).
        let is_dated = file.modified.as_ref().map(drop);
        let undated = || Failure::wrong("it must say when it was changed (`Last-Modified`)");
        findings.add(&format!("{} has a date", file.route), is_dated.ok_or_else(undated))?;
        let weak = format!("W/{}", file.etag);
        let among = format!("\"other\", {}", file.etag);
        let mut conditions: Vec<(&str, &str)> =
            [file.etag.as_str(), &weak, &among, "*"].map(|said| ("If-None-Match", said)).to_vec();
        conditions.extend(file.modified.as_deref().map(|date| ("If-Modified-Since", date)));
        for (name, said) in conditions {
            for method in ["GET", "HEAD"] {
                let answer = file.ask(world, method, &[(name, said)]).await?;
                let right = answer.status == 304 && answer.body.is_empty();
                let mut result =
                    require(right, || "must be 304 without a body".to_owned(), &answer);
                let tagged = answer.header("etag") == Some(&file.etag);
                result = result
                    .and_then(|()| require(tagged, || "must have its tag".to_owned(), &answer));
                findings.add(&format!("{method} {name}: {said}"), result)?;
            }
        }
        // Who has another one gets it, whatever the date says.
        let date = file.modified.as_deref().unwrap_or("Thu, 01 Jan 2099 00:00:00 GMT");
        let headers = [("If-None-Match", "\"other\""), ("If-Modified-Since", date)];
        let answer = file.get(world, &headers).await?;
        findings.add("If-None-Match before If-Modified-Since", file.whole(&answer))?;
        // Whose copy is older than the file gets it.
        let answer = file.get(world, &[("If-Modified-Since", LONG_AGO)]).await?;
        findings.add("If-Modified-Since long ago", file.whole(&answer))?;
    }
    findings.finish("no file is given back", |count| format!("{count} requests were right"))
}

async fn another(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        let weak = format!("W/{}", file.etag);
        for (name, said) in [
            ("If-Match", "\"other\""),
            ("If-Match", weak.as_str()),
            ("If-Unmodified-Since", LONG_AGO),
        ] {
            let answer = file.get(world, &[(name, said), ("If-None-Match", "*")]).await?;
            let right = answer.status == 412 && answer.is_problem();
            let result = require(right, || "must be a problem with 412".to_owned(), &answer);
            findings.add(&format!("{name}: {said}"), result)?;
        }
        let answer = file.get(world, &[("If-Match", &file.etag)]).await?;
        findings.add("If-Match with its tag", file.whole(&answer))?;
        if let Some(date) = &file.modified {
            let answer = file.get(world, &[("If-Unmodified-Since", date)]).await?;
            findings.add("If-Unmodified-Since with its date", file.whole(&answer))?;
        }
    }
    findings.finish("no file is given back", |count| format!("{count} requests were right"))
}

async fn changed(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        let weak = format!("W/{}", file.etag);
        for said in ["\"other\"", &weak, LONG_AGO] {
            let answer = file.get(world, &[("Range", "bytes=3-9"), ("If-Range", said)]).await?;
            findings.add(&format!("If-Range: {said}"), file.whole(&answer))?;
        }
        let answer = file.get(world, &[("Range", "bytes=3-9"), ("If-Range", &file.etag)]).await?;
        findings.add("If-Range with its tag", file.part(&answer, 3, 9))?;
    }
    findings.finish("no file is given back", |count| format!("{count} requests were right"))
}

async fn head(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        // A range has a meaning for GET alone.
        let answer = file.ask(world, "HEAD", &[("Range", "bytes=0-3")]).await?;
        let length = file.bytes.len().to_string();
        let right = answer.status == 200
            && answer.body.is_empty()
            && answer.header("content-length") == Some(&length)
            && answer.header("etag") == Some(&file.etag)
            && answer.header("content-disposition").is_some();
        let what = || format!("must be 200 without a body, with `Content-Length: {length}`");
        findings.add(&file.route, require(right, what, &answer))?;
    }
    findings.finish("no file is given back", |count| format!("{count} heads were right"))
}

/// RFC 9111, section 5.2.2: what is for one person no shared cache keeps; RFC 6266: what a browser does with it.
async fn private(world: &mut World, _: Arguments) -> Seen {
    let mut findings = Findings::new();
    for file in kept(world).await? {
        for (method, headers) in
            [("GET", None), ("HEAD", None), ("GET", Some(("Range", "bytes=0-3")))]
        {
            let answer = file.ask(world, method, headers.as_slice()).await?;
            let kept = answer.header("cache-control").unwrap_or_default().to_lowercase();
            let mut directives = kept.split(',').map(str::trim);
            let is_private =
                directives.clone().any(|directive| matches!(directive, "private" | "no-store"))
                    && !directives.any(|one| one == "public" || one.starts_with("s-maxage"));
            let name = format!("{} {method} {}", file.route, answer.status);
            let what = || format!("`Cache-Control` must be private, is {kept:?}");
            findings.add(&name, require(is_private, what, &answer))?;
            let said = answer.header("content-disposition").unwrap_or_default();
            let is_declared = said.split(';').next().map(str::trim) == Some(file.disposition);
            let what = || format!("must be told to be {}, is {said:?}", file.disposition);
            findings.add(&name, require(is_declared, what, &answer))?;
        }
    }
    findings.finish("no file is given back", |count| format!("{count} answers were right"))
}
