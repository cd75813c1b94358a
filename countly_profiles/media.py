"""Where uploaded pictures are kept: below DATA_DIR, or in a bucket that speaks S3."""

from typing import Any

from botocore.config import Config

_SECONDS = 5  # to connect, and again to answer; who applies requests waits for it


def storage(
    *, bucket: str, endpoint: str, region: str, access_key: str, secret_key: str, prefix: str
) -> dict[str, Any]:
    """Return Django's entry for the storage of pictures; without a bucket, MEDIA_ROOT.

    Objects are private and only read through this server. Keys that are not given are looked for where boto3 does:
    its environment variables, files, and the machine's role.
    """
    if not bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": endpoint or None,
            "region_name": region or None,
            "access_key": access_key or None,
            "secret_key": secret_key or None,
            "location": prefix,
            "default_acl": None,
            "file_overwrite": True,  # same name, same pixels
            "client_config": Config(
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                retries={"max_attempts": 2},
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint else "auto"},
                # Other stores than Amazon's do not all know the checksums that boto3 adds since 2025.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        },
    }
