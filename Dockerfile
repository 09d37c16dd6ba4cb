# One image for web, worker and clock. A project's .env is for its owner's eyes only, so its owner runs it:
#   docker build -t ringback . && docker run --user "$(id -u)" -v ./school:/project -p 8080:8080 ringback
FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --constraint constraints.txt --wheel-dir /wheels '.[postgres,celery,s3]'

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'ringback[postgres,celery,s3]' \
    && useradd --uid 10001 --home-dir /project --no-create-home ringback \
    && install -d -o ringback -g ringback /project \
    && install -d -m 1777 /files # whoever owns the project writes here
USER ringback
WORKDIR /project
ENV PYTHONUNBUFFERED=1 FILES_FOLDER=/files
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["ringback"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
