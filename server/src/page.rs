//! Pages of lists.

use crate::problem::Problem;
use axum::extract::{FromRequestParts, Query};
use serde::Deserialize;
use sqlx::any::AnyRow;
use strongroom::ErrorKind;
use strongroom::account::wire::Page;

const DEFAULT: i64 = 100;
const MOST: i64 = 1000;

/// Which page of a list is asked for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Paging {
    /// Most items of the page; 100 where it is missing.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next` of the page before.
    after: Option<String>,
}

impl Paging {
    /// Most items of the page.
    pub(crate) fn limit(&self) -> Result<i64, Problem> {
        Self::limit_of(self.limit)
    }

    /// Most items of a page of which this was asked.
    pub(crate) fn limit_of(limit: Option<i64>) -> Result<i64, Problem> {
        match limit {
            None => Ok(DEFAULT),
            Some(limit @ 1..=MOST) => Ok(limit),
            Some(_) => Err(Problem::new(ErrorKind::InvalidArgument, "read the query", "limit is from 1 to 1000")),
        }
    }

    /// What the page follows.
    pub(crate) fn after(&self) -> &str {
        self.after.as_deref().unwrap_or_default()
    }

    /// A time and an id that the page follows, as [`after_key`] wrote them; `start` where it is the first page.
    pub(crate) fn after_time(&self, start: (i64, &str)) -> Result<(i64, String), Problem> {
        let Some(after) = &self.after else { return Ok((start.0, start.1.to_owned())) };
        after.split_once('-').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned()))).ok_or_else(|| {
            Problem::new(ErrorKind::InvalidArgument, "read the query", "after is not what a page gave as next")
        })
    }

    /// The page from rows, of which there is one more than the page may have when another page follows.
    pub(crate) fn page<T>(
        &self,
        rows: &[AnyRow],
        item: impl Fn(&AnyRow) -> Result<T, Problem>,
        key: impl Fn(&AnyRow) -> Result<String, Problem>,
    ) -> Result<Page<T>, Problem> {
        let limit = usize::try_from(self.limit()?).unwrap_or(usize::MAX);
        let shown = rows.get(..limit).unwrap_or(rows);
        let next = if rows.len() > shown.len() { shown.last().map(&key).transpose()? } else { None };
        Ok(Page { items: shown.iter().map(item).collect::<Result<_, _>>()?, next })
    }
}

/// The key of a row in a list by time.
pub(crate) fn after_key(time: i64, id: &str) -> String {
    format!("{time}-{id}")
}

/// A query string that is not what a route takes, as a problem document.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: serde::de::DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(asked)| Asked(asked))
            .map_err(|_| Problem::new(ErrorKind::InvalidArgument, "read the query", "it is not what is asked here"))
    }
}

/// An id in a path; anything else names nothing.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: std::str::FromStr + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Problem> {
        let unknown = || Problem::new(ErrorKind::NotFound, "look up the object", "there is nothing of this name");
        let axum::extract::Path(text) =
            axum::extract::Path::<String>::from_request_parts(parts, state).await.map_err(|_| unknown())?;
        text.parse().map(Named).map_err(|_| unknown())
    }
}
