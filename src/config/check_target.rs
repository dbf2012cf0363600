//! What a `check` section checks.

use std::net::SocketAddr;

use super::schema::{Keyword, boolean};
use super::section::Section;
use crate::health::dns::{self, Expected, Query};
use crate::health::{self, Endpoint, Host, HttpCheck, Target, Url};
use crate::text::{Cursor, SyntaxError, value};

/// The section behind `http`.
pub(crate) const HTTP: Section<HttpCheck> = Section {
    name: "http",
    place: "an `http` section of a check",
    table: CONDITIONS,
};

/// The settings of the section behind `http`.
pub(crate) const CONDITIONS: &[Keyword<HttpCheck>] = &[
    Keyword {
        word: "status",
        value: "[ <code> … ]",
        doc: "the status must be one of these; 200 to 299 unless set",
        read: |check, c, _| {
            let codes = c.comma_list(|c| {
                c.value("a status, 100 to 599", |word| {
                    value::u16(word).filter(|code| (100..=599).contains(code))
                })
            });
            codes.map(|codes| check.status = codes)
        },
    },
    Keyword {
        word: "body",
        value: "\"<text>\"",
        doc: "the first 64 KiB of the body must contain this text",
        read: |check, c, _| {
            let text = c.value("a text", |word| (!word.is_empty()).then(|| word.to_owned()));
            text.map(|text| check.body = Some(text))
        },
    },
    Keyword {
        word: "header",
        value: "\"<name>: <value>\"",
        doc: "a field of the request; may be repeated. `Host` is also the name that the server's certificate must have",
        read: |check, c, _| {
            let span = c.span();
            let text = c.word("a field such as `\"Host: www.example.net\"`")?;
            let field = health::header(text).map_err(|cause| SyntaxError::new(span, cause))?;
            if !check.headers.contains(&field) {
                check.headers.push(field);
            }
            Ok(())
        },
    },
    Keyword {
        word: "method",
        value: "<method>",
        doc: "the method of the request; `GET` unless set",
        read: |check, c, _| {
            let span = c.span();
            let word = c.word("a method such as `HEAD`")?;
            let method = health::method(word).map_err(|cause| SyntaxError::new(span, cause))?;
            check.method = method;
            Ok(())
        },
    },
    Keyword {
        word: "verify",
        value: "<enable|disable>",
        doc: "whether the certificate of an https server is verified; it is unless disabled",
        read: |check, c, _| boolean(c, true).map(|verify| check.tls.unverified = !verify),
    },
    Keyword {
        word: "ca",
        value: "<path>",
        doc: "certificates of authorities in PEM form, instead of those of the system",
        read: |check, c, _| {
            let path = c.value("an absolute path", |word| {
                word.starts_with('/').then(|| word.into())
            });
            path.map(|path| check.tls.ca = Some(path))
        },
    },
];

/// `http URL`
pub(crate) fn http(c: &mut Cursor<'_>) -> Result<Target, SyntaxError> {
    let span = c.span();
    let url: Result<Url, String> = c.word("a URL")?.parse();
    let url = url.map_err(|cause| SyntaxError::new(span, cause))?;
    Ok(Target::Http(HttpCheck::new(url)))
}

/// `tcp ADDRESS port PORT`
pub(crate) fn tcp(c: &mut Cursor<'_>) -> Result<Target, SyntaxError> {
    let host = c.value("an address or a name", Host::parse)?;
    c.expect("port")?;
    let port = port(c)?;
    Ok(Target::Tcp(Endpoint { host, port }))
}

fn port(c: &mut Cursor<'_>) -> Result<u16, SyntaxError> {
    c.value("a port, 1 to 65535", |word| {
        value::u16(word).filter(|port| *port > 0)
    })
}

/// `dns ADDRESS [port PORT] query "NAME TYPE" [answer ADDRESS|nxdomain]`
pub(crate) fn dns(c: &mut Cursor<'_>) -> Result<Target, SyntaxError> {
    let address = c.value("the address of a DNS server", value::ip)?;
    let port = match c.accept("port") {
        true => port(c)?,
        false => dns::PORT,
    };
    c.expect("query")?;
    let span = c.span();
    let text = c.word("a question such as `\"example.net A\"`")?;
    let mut words = text.split_ascii_whitespace();
    let name = words.next().unwrap_or_default();
    // Both may also be words of their own.
    let kind = match words.next() {
        Some(kind) => kind,
        None if !c.is_empty() && c.peek() != "answer" => c.word("a type")?,
        None => "A",
    };
    let wrong = |cause: String| SyntaxError::new(span, format!("`{text}`: {cause}"));
    let name = dns::name(name).map_err(wrong)?;
    let kind = dns::kind(kind).map_err(wrong)?;
    if words.next().is_some() {
        return Err(wrong("expected a name and a type".to_owned()));
    }
    let expects = match c.accept("answer") {
        false => Expected::Record,
        true if c.accept("nxdomain") => Expected::NoName,
        true => {
            let answer = c.value("an address, or `nxdomain`", value::ip)?;
            let fits = match answer.is_ipv4() {
                true => dns::Type::A,
                false => dns::Type::AAAA,
            };
            if kind != fits {
                let text = format!("records of the type {kind} do not have `{answer}`");
                return Err(SyntaxError::new(c.last_span(), text));
            }
            Expected::Address(answer)
        }
    };
    Ok(Target::Dns(Query {
        server: SocketAddr::new(address, port),
        name,
        kind,
        expects,
    }))
}
