//! What is answered to which request.

use std::rc::Rc;

use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
};
use hyper::{Method, Request, Response, StatusCode};

use super::body::Written;
use super::encoder::Format;
use super::metrics::Scrape;
use super::page::Page;
use crate::daemon::core::Core;
use crate::daemon::status::Status;

/// The answer to a request.
pub(super) fn answer<B>(core: &Rc<Core>, request: &Request<B>) -> Response<Written> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are served\n",
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    let Some(metrics) = core.metrics.get() else {
        return plain(StatusCode::NOT_FOUND, "metrics are no longer configured\n");
    };
    let requests = &core.stats.http_requests;
    requests.set(requests.get() + 1);
    match request.uri().path() {
        "/metrics" => {
            let headers = request.headers().get_all(ACCEPT).iter();
            let accepted: Vec<&str> = headers.filter_map(|value| value.to_str().ok()).collect();
            let format = Format::accepted(&accepted.join(","));
            let mut scrape = Scrape::new(core, metrics, format);
            let body = Written::new(Box::new(move |out| scrape.next(out)));
            ok(body, format.content_type())
        }
        "/" if metrics.page => {
            let mut page = Page::new(core);
            let policy = page.policy();
            let body = Written::new(Box::new(move |out| page.next(out)));
            let mut answer = ok(body, "text/html; charset=utf-8");
            if let Ok(policy) = HeaderValue::from_str(&policy) {
                answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
            }
            answer
        }
        "/status.json" if metrics.page => {
            let mut status = Status::new(core);
            let body = Written::new(Box::new(move |out| status.next(out)));
            ok(body, "application/json")
        }
        "/" => plain(StatusCode::NOT_FOUND, "there is only /metrics here\n"),
        _ => plain(StatusCode::NOT_FOUND, "there is no such page\n"),
    }
}

fn ok(body: Written, content_type: &'static str) -> Response<Written> {
    finish(StatusCode::OK, body, content_type)
}

fn plain(status: StatusCode, text: &str) -> Response<Written> {
    let body = Written::whole(text.to_owned());
    finish(status, body, "text/plain; charset=utf-8")
}

fn finish(status: StatusCode, body: Written, content_type: &'static str) -> Response<Written> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        HeaderName::from_static("referrer-policy"),
        HeaderValue::from_static("no-referrer"),
    );
    answer
}
