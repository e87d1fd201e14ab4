//! What Prometheus reads: counts and durations, nothing about anybody.

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of request durations, in seconds.
const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The service's counters. Shared by every request; reading and counting block nobody for long.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, String, u16), u64>>,
    durations: Mutex<BTreeMap<String, Histogram>>,
    counters: Mutex<BTreeMap<&'static str, u64>>,
    connections: AtomicI64,
    handshakes_failed: AtomicU64,
}

#[derive(Debug, Default, Clone)]
struct Histogram {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

/// Counts a connection as open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection<'a>(&'a AtomicI64);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn connection(&self) -> OpenConnection<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        OpenConnection(&self.connections)
    }

    pub(crate) fn failed_handshake(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request by its route, never by its path: paths name accounts' objects.
    pub(crate) fn request(&self, method: &Method, route: Option<&MatchedPath>, status: StatusCode, took: Duration) {
        let route = route.map_or("none", MatchedPath::as_str).to_owned();
        let seconds = took.as_secs_f64();
        {
            let mut durations = self.durations.lock().unwrap_or_else(PoisonError::into_inner);
            let histogram = durations.entry(route.clone()).or_default();
            for (bucket, bound) in histogram.buckets.iter_mut().zip(BUCKETS) {
                *bucket += u64::from(seconds <= bound);
            }
            histogram.count += 1;
            histogram.sum += seconds;
        }
        let method = match *method {
            Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE => method.as_str(),
            _ => "other",
        };
        let key = (method.to_owned(), route, status.as_u16());
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
    }

    /// Adds to a counter, made by its first use. `name` ends in `_total` and has no prefix.
    pub(crate) fn add(&self, name: &'static str, by: u64) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += by;
    }

    /// All of it in the text format of Prometheus.
    #[must_use]
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_to(&mut text);
        text
    }

    fn write_to(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "# TYPE strongroom_requests_total counter")?;
        for ((method, route, status), count) in &*self.requests.lock().unwrap_or_else(PoisonError::into_inner) {
            writeln!(
                text,
                "strongroom_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}} {count}"
            )?;
        }
        writeln!(text, "# TYPE strongroom_request_duration_seconds histogram")?;
        for (route, histogram) in &*self.durations.lock().unwrap_or_else(PoisonError::into_inner) {
            let name = "strongroom_request_duration_seconds";
            for (count, bound) in histogram.buckets.iter().zip(BUCKETS) {
                writeln!(text, "{name}_bucket{{route=\"{route}\",le=\"{bound}\"}} {count}")?;
            }
            writeln!(text, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {}", histogram.count)?;
            writeln!(text, "{name}_sum{{route=\"{route}\"}} {}", histogram.sum)?;
            writeln!(text, "{name}_count{{route=\"{route}\"}} {}", histogram.count)?;
        }
        writeln!(text, "# TYPE strongroom_connections gauge")?;
        writeln!(text, "strongroom_connections {}", self.connections.load(Ordering::Relaxed))?;
        writeln!(text, "# TYPE strongroom_failed_handshakes_total counter")?;
        writeln!(text, "strongroom_failed_handshakes_total {}", self.handshakes_failed.load(Ordering::Relaxed))?;
        for (name, count) in &*self.counters.lock().unwrap_or_else(PoisonError::into_inner) {
            writeln!(text, "# TYPE strongroom_{name} counter")?;
            writeln!(text, "strongroom_{name} {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_status_and_cumulated_by_duration() {
        let metrics = Metrics::default();
        metrics.request(&Method::GET, None, StatusCode::OK, Duration::from_millis(20));
        metrics.request(&Method::GET, None, StatusCode::OK, Duration::from_secs(60));
        metrics.add("mails_sent_total", 2);
        let open = metrics.connection();
        let text = metrics.render();
        for line in [
            "strongroom_requests_total{method=\"GET\",route=\"none\",status=\"200\"} 2",
            "strongroom_request_duration_seconds_bucket{route=\"none\",le=\"0.01\"} 0",
            "strongroom_request_duration_seconds_bucket{route=\"none\",le=\"0.025\"} 1",
            "strongroom_request_duration_seconds_bucket{route=\"none\",le=\"+Inf\"} 2",
            "strongroom_connections 1",
            "strongroom_mails_sent_total 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        drop(open);
        assert!(metrics.render().contains("strongroom_connections 0"));
    }
}
