//! The data platforms: what Immuta calls them, how they name things and how they answer.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::catalogue::TagForm;
use crate::record::civil;

/// Where a data source lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Snowflake,
    Databricks,
    Redshift,
    Trino,
    BigQuery,
    Starburst,
    Synapse,
}

/// Every platform with its share of the data sources.
pub(crate) const PLATFORMS: &[(Platform, u32)] = &[
    (Platform::Snowflake, 40),
    (Platform::Databricks, 25),
    (Platform::Redshift, 10),
    (Platform::Trino, 10),
    (Platform::BigQuery, 8),
    (Platform::Starburst, 7),
    (Platform::Synapse, 5),
];

impl Platform {
    /// `targets[].technology`.
    pub(crate) fn technology(self) -> &'static str {
        match self {
            Self::Snowflake => "SNOWFLAKE",
            Self::Databricks => "DATABRICKS",
            Self::Redshift => "REDSHIFT",
            Self::Trino => "TRINO",
            Self::BigQuery => "BIGQUERY",
            Self::Starburst => "STARBURST",
            Self::Synapse => "AZURE_SYNAPSE_ANALYTICS",
        }
    }

    /// As people write it in the name of a data source.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Snowflake => "Snowflake",
            Self::Databricks => "Databricks",
            Self::Redshift => "Redshift",
            Self::Trino => "Trino",
            Self::BigQuery => "BigQuery",
            Self::Starburst => "Starburst",
            Self::Synapse => "Synapse",
        }
    }

    /// `auditPayload.technologyContext.type`.
    pub(crate) fn context(self) -> &'static str {
        match self {
            Self::Snowflake => "SnowflakeContext",
            Self::Databricks => "DatabricksContext",
            Self::Redshift => "RedshiftContext",
            Self::Trino => "TrinoContext",
            Self::BigQuery => "BigQueryContext",
            Self::Starburst => "StarburstContext",
            Self::Synapse => "SynapseContext",
        }
    }

    /// `auditPayload.technologyContext.host`.
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Snowflake => "northwind-eu1.snowflakecomputing.com",
            Self::Databricks => "adb-5512094118204471.11.azuredatabricks.net",
            Self::Redshift => "northwind-dw.c0a1b2c3d4e5.eu-central-1.redshift.amazonaws.com",
            Self::Trino => "trino.data.northwind.example",
            Self::BigQuery => "bigquery.googleapis.com",
            Self::Starburst => "northwind.galaxy.starburst.io",
            Self::Synapse => "northwind.sql.azuresynapse.net",
        }
    }

    /// Databases, catalogues or projects on the platform.
    pub(crate) fn databases(self) -> &'static [&'static str] {
        match self {
            Self::Snowflake => &["PROD", "ANALYTICS", "SANDBOX"],
            Self::Databricks => &["main", "lakehouse_prod", "ml"],
            Self::Redshift => &["dw", "dw_archive"],
            Self::Trino => &["hive", "iceberg"],
            Self::BigQuery => &["northwind-analytics", "northwind-web"],
            Self::Starburst => &["galaxy_lake", "galaxy_pg"],
            Self::Synapse => &["edw", "edw_stage"],
        }
    }

    /// The error that a failed query carries.
    pub(crate) fn error(self) -> &'static str {
        match self {
            Self::Snowflake => "002003",
            Self::Databricks => "TABLE_OR_VIEW_NOT_FOUND",
            Self::Redshift => "42P01",
            Self::Trino | Self::Starburst => "EXCEEDED_TIME_LIMIT",
            Self::BigQuery => "invalidQuery",
            Self::Synapse => "208",
        }
    }

    /// The minute of the hour at which Immuta pulls the platform's query history.
    pub(crate) fn pull_minute(self) -> i64 {
        match self {
            Self::Snowflake => 4,
            Self::Databricks => 13,
            Self::Redshift => 22,
            Self::Trino => 31,
            Self::BigQuery => 40,
            Self::Starburst => 52,
            Self::Synapse => 57,
        }
    }

    /// How the tags of columns are written in its queries. Nothing public says which form is whose, so each takes one.
    pub(crate) fn tag_form(self) -> TagForm {
        match self {
            Self::Snowflake | Self::Redshift | Self::Trino | Self::Starburst => TagForm::Strings,
            Self::Databricks | Self::Synapse => TagForm::Named,
            Self::BigQuery => TagForm::TagNamed,
        }
    }

    /// Whether the platform's own query id becomes the `id` of the event.
    pub(crate) fn lends_its_query_id(self) -> bool {
        matches!(self, Self::Trino | Self::Starburst)
    }

    /// The platform's id of a query that began at `at`.
    pub(crate) fn query_id(self, rng: &mut ChaCha8Rng, at: i64) -> String {
        match self {
            Self::Trino | Self::Starburst => {
                let time = civil(at);
                let letters: String = (0..5).map(|_| char::from(rng.random_range(b'a'..=b'z'))).collect();
                let number = rng.random_range(0..100_000);
                format!(
                    "{:04}{:02}{:02}_{:02}{:02}{:02}_{number:05}_{letters}",
                    time.year, time.month, time.day, time.hour, time.minute, time.second,
                )
            }
            Self::BigQuery => format!("bquxjob_{:08x}_{:012x}", rng.random::<u32>(), at),
            Self::Redshift => rng.random_range(10_000_000..99_999_999_u32).to_string(),
            Self::Synapse => format!("QID{}", rng.random_range(1_000_000..9_999_999_u32)),
            Self::Snowflake | Self::Databricks => crate::dice::uuid(rng),
        }
    }
}

/// `auditPayload.technologyContext`: what only some platforms know is absent elsewhere.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TechnologyContext<'a> {
    pub(crate) r#type: &'static str,
    pub(crate) host: &'static str,
    pub(crate) account: Account<'a>,
    pub(crate) rows_produced: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warehouse_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_application: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_id: Option<&'static str>,
    /// The notebook of which the query is a cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notebook_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catalog: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_scanned: Option<u64>,
}

/// The login on the platform.
#[derive(Serialize)]
pub(crate) struct Account<'a> {
    pub(crate) id: &'a str,
    pub(crate) username: &'a str,
}
