"""The program with the servers of `aws.py` in its environment."""

import os

from binary import immuta_watch


def program_on(cloud, **more):
    """`immuta_watch`, which finds the server; `more` comes on top of its environment."""
    environment = {**os.environ, **cloud.environment, **more}

    def run(*arguments, **options):
        return immuta_watch(*arguments, env=environment, **options)

    return run


def bucket_of(address: str) -> str:
    return address.removeprefix("s3://").split("/")[0]


def put_all(cloud, tenant, bucket: str, prefix="exports/") -> str:
    """Puts a tenant's exports into a bucket, and returns their address."""
    for path in tenant.files:
        cloud.put(bucket, f"{prefix}{path.relative_to(tenant.exports)}", path.read_bytes())
    return f"s3://{bucket}/{prefix}".rstrip("/")
