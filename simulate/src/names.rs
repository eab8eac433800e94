//! Word lists: people, teams, places and things of the made-up company.

/// First names.
pub(crate) const FIRST: &[&str] = &[
    "Ada",
    "Aisha",
    "Alejandro",
    "Alice",
    "Amir",
    "Ana",
    "Andrea",
    "Anton",
    "Arjun",
    "Astrid",
    "Ben",
    "Bianca",
    "Carlos",
    "Chen",
    "Chloe",
    "Clara",
    "Daniel",
    "David",
    "Deepa",
    "Diego",
    "Elena",
    "Emeka",
    "Emma",
    "Erik",
    "Fatima",
    "Felix",
    "Fiona",
    "Grace",
    "Hana",
    "Henrik",
    "Ines",
    "Ivan",
    "Jamal",
    "Jana",
    "Jonas",
    "José",
    "Julia",
    "Kai",
    "Kavya",
    "Kwame",
    "Lars",
    "Laura",
    "Leila",
    "Lena",
    "Li",
    "Lucas",
    "Mara",
    "Maria",
    "Marta",
    "Mei",
    "Milan",
    "Nadia",
    "Nina",
    "Noah",
    "Olga",
    "Omar",
    "Oscar",
    "Paula",
    "Pavel",
    "Priya",
    "Rafael",
    "Rosa",
    "Ruth",
    "Samuel",
    "Sara",
    "Sofia",
    "Stefan",
    "Tara",
    "Theo",
    "Tomás",
    "Vera",
    "Viktor",
    "Wei",
    "Yusuf",
    "Zoë",
];

/// Family names.
pub(crate) const FAMILY: &[&str] = &[
    "Abadi",
    "Adeyemi",
    "Almeida",
    "Andersson",
    "Bauer",
    "Becker",
    "Bianchi",
    "Brown",
    "Castro",
    "Chatterjee",
    "Costa",
    "Diallo",
    "Dubois",
    "Eriksen",
    "Evans",
    "Fischer",
    "Fournier",
    "Garcia",
    "Grant",
    "Gupta",
    "Haddad",
    "Hansen",
    "Hoffmann",
    "Horvat",
    "Ibrahim",
    "Ito",
    "Jensen",
    "Johnson",
    "Kaya",
    "Keller",
    "Kim",
    "Kowalski",
    "Kumar",
    "Larsen",
    "Lehmann",
    "Lindqvist",
    "Lopez",
    "Martin",
    "Mensah",
    "Meyer",
    "Moreau",
    "Müller",
    "Nakamura",
    "Nguyen",
    "Novak",
    "Okafor",
    "Olsen",
    "Park",
    "Patel",
    "Pereira",
    "Petrov",
    "Quinn",
    "Rahman",
    "Ramirez",
    "Rossi",
    "Sanchez",
    "Schmidt",
    "Schneider",
    "Sharma",
    "Silva",
    "Singh",
    "Sørensen",
    "Suzuki",
    "Taylor",
    "Torres",
    "Vargas",
    "Vogel",
    "Wagner",
    "Walker",
    "Weber",
    "White",
    "Wong",
    "Yilmaz",
    "Zhang",
];

/// A department: its name, its role on the platforms, the schemas it likes, and whether sensitive data is its daily work.
pub(crate) struct Department {
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    pub(crate) schemas: &'static [&'static str],
    pub(crate) sensitive: bool,
}

/// The departments of the company.
pub(crate) const DEPARTMENTS: &[Department] = &[
    department("Human Resources", "HR_ANALYST", &["hr", "reference"], true),
    department("Finance", "FINANCE_ANALYST", &["finance", "payments", "sales"], true),
    department("Customer Support", "SUPPORT_READ", &["crm", "support"], true),
    department("Risk and Fraud", "RISK_ANALYST", &["payments", "risk", "crm"], true),
    department("Marketing", "MARKETING_READ", &["marketing", "web", "crm"], false),
    department("Sales", "SALES_READ", &["sales", "crm", "reference"], false),
    department("Supply Chain", "LOGISTICS_READ", &["logistics", "inventory"], false),
    department("Data Science", "DATA_SCIENCE", &["web", "marketing", "inventory", "sales"], false),
    department("Data Platform", "PLATFORM_ENGINEER", &["reference", "web", "logistics"], false),
];

/// The one of [`DEPARTMENTS`] that runs the platforms and owns the service accounts.
pub(crate) const PLATFORM_TEAM: usize = 8;

const fn department(
    name: &'static str,
    role: &'static str,
    schemas: &'static [&'static str],
    sensitive: bool,
) -> Department {
    Department { name, role, schemas, sensitive }
}

/// Service accounts: name, the minute of the hour at which a batch begins, and how many minutes it lasts.
pub(crate) const SERVICES: &[(&str, i64, i64)] = &[
    ("svc-dbt", 2, 22),
    ("svc-airflow", 5, 25),
    ("svc-tableau", 30, 8),
    ("svc-fivetran", 45, 12),
    ("svc-feature-store", 0, 59),
];

/// Names of groups, after the prefix `grp-`.
pub(crate) const GROUPS: &[&str] = &[
    "hr-analysts",
    "finance-close",
    "fraud-desk",
    "support-tier2",
    "marketing-eu",
    "sales-dach",
    "sales-us",
    "logistics",
    "data-science",
    "platform",
    "contractors",
    "auditors",
    "data-stewards",
];

/// Global policies.
pub(crate) const POLICIES: &[&str] = &[
    "Mask PII outside HR",
    "Hash card numbers",
    "Row filter by region",
    "Subscribe by department",
    "Redact free text",
    "Round salaries",
    "Limit to purpose Fraud Analytics",
    "Mask contact data",
    "Time window for logs",
    "Subscribe contractors by approval",
];

/// Domains.
pub(crate) const DOMAINS: &[&str] = &["People", "Finance", "Customer", "Operations", "Growth", "Reference"];

/// Projects.
pub(crate) const PROJECTS: &[&str] = &[
    "Churn Model 2027",
    "Quarter Close",
    "Fraud Ring Study",
    "Warehouse Forecast",
    "Campaign Lift",
    "Pay Equity Review",
];

/// Purposes.
pub(crate) const PURPOSES: &[&str] =
    &["Fraud Analytics", "Regulatory Reporting", "Product Improvement", "Marketing", "Re-identification Prohibited"];

/// Attributes of a person and their values.
pub(crate) const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("Department", &["HR", "Finance", "Sales", "Marketing", "Risk", "Operations"]),
    ("Region", &["EMEA", "AMER", "APAC"]),
    ("CostCenter", &["4100", "4200", "5310", "6105"]),
    ("Employment", &["Employee", "Contractor"]),
    ("Training", &["GDPR 2026", "PCI 2026"]),
];

/// Permissions that a quiet day may see granted and taken away; none of them is high risk.
pub(crate) const MILD_PERMISSIONS: &[&str] = &[
    "CREATE_PROJECT",
    "CREATE_DATA_SOURCE",
    "CREATE_DATA_SOURCE_IN_PROJECT",
    "PROJECT_MANAGEMENT",
    "FETCH_POLICY_INFO",
    "CREATE_S3_DATASOURCE",
    "CREATE_FILTER",
];

/// Permissions whose grant is an incident.
pub(crate) const STRONG_PERMISSIONS: &[&str] =
    &["APPLICATION_ADMIN", "USER_ADMIN", "GOVERNANCE", "AUDIT", "IMPERSONATE_USER"];

/// Domain permissions that a quiet day may see granted.
pub(crate) const MILD_DOMAIN_PERMISSIONS: &[&str] = &["Audit Activity", "Manage Data Products", "Manage Identifiers"];

/// Tags of the business, which say nothing about sensitivity.
pub(crate) const BUSINESS_TAGS: &[&str] = &[
    "Quality.Certified",
    "Quality.Draft",
    "Lifecycle.Reviewed",
    "Lifecycle.Archive",
    "Business.Geography.Region",
    "Business.Steward Assigned",
    NEW,
];

/// The tag of a column that was just found.
pub(crate) const NEW: &str = "New";

/// Tags whose removal from a column, and whose deletion, is an incident.
pub(crate) const SENSITIVE_TAGS: &[&str] = &["Discovered.PII", "Discovered.PCI", "Discovered.PHI"];

/// Browsers and clients of people who work in the application.
pub(crate) const USER_AGENTS: &[&str] = &[
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
];
