//! Where a database has no copies, nobody is told a bookmark, and one that a client brings changes nothing.

use super::support::Service;

#[test]
fn host_without_copies_tells_no_bookmark() {
    let service = Service::start();
    let user = service.user("ada");
    for bookmark in ["00000001-00000000-00000000-00000000000000000000000000000000", "zzz"] {
        let asked = service.ask("GET", "/api/v1/documents").bearer(&user.token);
        let reply = asked.header("X-D1-Bookmark", bookmark).send();
        assert_eq!((reply.status, reply.header("x-d1-bookmark")), (200, None));
    }
}
