//! Checks a request's parts against their schemas and reports everything that is wrong at once.
