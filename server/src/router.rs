//! Which path is whose.

use crate::account::{devices, password, profile, recovery, registration, second_factor, sessions, sign_in};
use crate::app::App;
use crate::billing::stripe::webhook;
use crate::billing::{change, checkout, invoices};
use crate::problem::Problem;
use crate::service;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post};
use std::time::Instant;
use strongroom::ErrorKind;

/// All of the service.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/v1/service", get(service::info))
        .route("/v1/health", get(service::live))
        .route("/v1/ready", get(service::ready))
        .route("/v1/plans", get(service::plans))
        .route("/v1/openapi.json", get(service::openapi))
        .route("/v1/registrations/start", post(registration::start))
        .route("/v1/registrations/finish", post(registration::finish))
        .route("/v1/registrations/confirm", post(registration::confirm))
        .route("/v1/sign-in/start", post(sign_in::start))
        .route("/v1/sign-in/finish", post(sign_in::finish))
        .route("/v1/sign-in/second-factor", post(sign_in::verify))
        .route("/v1/sign-out", post(sessions::sign_out))
        .route("/v1/recovery/start", post(recovery::start))
        .route("/v1/recovery/prove", post(recovery::prove))
        .route("/v1/recovery/finish", post(recovery::finish))
        .route("/v1/second-factor/start", post(second_factor::start))
        .route("/v1/second-factor/confirm", post(second_factor::confirm))
        .route("/v1/second-factor", delete(second_factor::remove))
        .route("/v1/devices", get(devices::list).post(devices::enrol))
        .route("/v1/devices/{device_id}", get(devices::get).patch(devices::rename).delete(devices::revoke))
        .route("/v1/devices/{device_id}/tokens", post(devices::token))
        .route("/v1/profile", get(profile::get).patch(profile::update))
        .route("/v1/profile/email", post(profile::change_email))
        .route("/v1/profile/email/confirm", post(profile::confirm_email))
        .route("/v1/profile/password/start", post(password::start))
        .route("/v1/profile/password/finish", post(password::finish))
        .route("/v1/profile/wraps", get(profile::wraps))
        .route("/v1/profile/usage", get(profile::usage))
        .route("/v1/subscription", get(change::get))
        .route("/v1/subscription/preview", post(change::preview))
        .route("/v1/subscription/change", post(change::change))
        .route("/v1/subscription/cancel", post(change::cancel))
        .route("/v1/subscription/resume", post(change::resume))
        .route("/v1/subscription/checkout", post(checkout::checkout))
        .route("/v1/subscription/portal", post(checkout::portal))
        .route("/v1/subscription/history", get(invoices::history))
        .route("/v1/invoices", get(invoices::list))
        .route("/v1/invoices/{invoice_id}", get(invoices::get))
        .route("/v1/webhooks/stripe", post(webhook::receive))
        .merge(crate::vault::router())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

async fn unknown() -> Problem {
    Problem::new(ErrorKind::NotFound, "find the path", "there is nothing at this path")
}

async fn wrong_method() -> Problem {
    Problem::new(ErrorKind::InvalidArgument, "find the path", "this path has no such method")
        .status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Counts and logs a request by its route: no address, no id and nothing of a body gets into either.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let (status, took) = (response.status(), start.elapsed());
    app.metrics.request(&method, route.as_ref(), status, took);
    tracing::info!(
        method = method.as_str(),
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = status.as_u16(),
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
