"""What a million events cost on AWS, computed from what was measured here.

Prices are list prices of us-east-1 for x86-64, without any free tier: AWS Lambda, Amazon S3 Standard and Amazon SQS
pricing pages, as read in 2026. Ledgers in S3 cost besides, by the GB and month.
"""

GB_SECOND = 0.0000166667
LAMBDA_REQUEST = 0.20 / 1e6
S3_WRITE_OR_LIST = 0.005 / 1e3
S3_READ = 0.0004 / 1e3
SQS_REQUEST = 0.40 / 1e6
# Receive and delete, and what polling an empty queue comes to.
SQS_REQUESTS_PER_MESSAGE = 3

# Lambda gives a function one core for so much memory, in GB; less memory is less of a core, for longer: the same price.
GB_PER_CORE = 1769 / 1024
# How long a call of S3 takes from within its region. Here it takes a fraction of that.
S3_SECONDS = 0.03
# The memory that waits for S3 meanwhile, in GB.
MEMORY_GB = 512 / 1024


def per_million_events(measured: dict) -> dict:
    """Dollars, by what they are paid for."""
    reads, writes = measured["s3"]["reads"], measured["s3"]["writes_and_lists"]
    waiting = (reads + writes) * S3_SECONDS * MEMORY_GB
    parts = {
        "Lambda": (measured["cpu_seconds"] * GB_PER_CORE + waiting) * GB_SECOND + measured["exports"] * LAMBDA_REQUEST,
        "S3": writes * S3_WRITE_OR_LIST + reads * S3_READ,
        "SQS": measured["exports"] * SQS_REQUESTS_PER_MESSAGE * SQS_REQUEST,
    }
    return {name: dollars / measured["events"] * 1e6 for name, dollars in parts.items()}
